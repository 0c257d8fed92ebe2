"""Rate limits and lockout: limit how often a client may try, without letting strangers lock the owner out.

Each attempt is counted and committed before the proof is checked, so parallel guesses cannot share one attempt. Keys
are keyed digests; times come from the database's clock, which all workers share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from fam_auth.auth import Auth
from fam_auth.core.rates import ExponentialBackoff, Rate
from fam_auth.core.statements import Statement
from fam_auth.core.throttle import Throttle
from fam_auth.exceptions import TooManyAttempts
from fam_auth.pipeline import Attempt
from fam_auth.repository.data_access.managers import known_browsers
from fam_auth.repository.data_access.queries import attempts as queries
from fam_auth.repository.data_access.queries.attempts import Counter
from fam_auth.values import Client

IPV6_NETWORK = 64
ONCE_AN_HOUR = Rate("1/1h")


@dataclass(frozen=True, slots=True)
class CountedAttempt:
    """An attempt that was counted.

    `own` is the counter of the account, or of the account's known browser; `shared` are the counters of the network and
    of the whole service. `marker` remembers for an hour that this network has tried this account. `stranger` is the
    account's counter for unknown browsers. `tries` is the number of attempts in a row, this one included; `is_repeated`
    is true if the network has tried the account within the hour; `device` is the id of a known browser.
    """

    own: Counter
    shared: tuple[Counter, ...]
    marker: Counter
    stranger: Counter
    tries: int
    is_repeated: bool
    device: str | None

    @property
    def is_known_device(self) -> bool:
        """Whether this browser has signed in to the account before."""
        return self.device is not None

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Every counter that the attempt counts on, the marker included."""
        return self.own, *self.shared, self.marker

    def forgiven(self) -> list[Statement]:
        """The statements to run after a correct proof: they refund the attempt and reset the account's counters.

        A login from a known browser also ends the lockout of unknown browsers once they have reached the cap: below
        the cap the wait ends by itself.
        """
        rule = self.stranger.rule
        cap = rule.cap if isinstance(rule, ExponentialBackoff) else 0
        capped = (self.stranger.key,) if self.is_known_device else ()
        forgotten = (self.own.key, self.marker.key)
        held = (*forgotten, *capped, *(counter.key for counter in self.shared))
        return [queries.refund(self.shared, held), queries.forgive(forgotten, capped, cap, held)]

    def failed(self) -> list[Statement]:
        """The statements to run after a failed attempt.

        `accounts` limits how many accounts a network tries, so an account that it has tried within the hour is
        refunded there.
        """
        accounts = [counter for counter in self.shared if counter.bucket == "accounts"]
        return [_refunded(accounts)] if self.is_repeated and accounts else []


class Limit(NamedTuple):
    """A limit to count one use under: the name of the counter, its subject (an address, network or id) and its rule."""

    bucket: str
    subject: str
    rule: Rate | ExponentialBackoff


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of one counted use, with the number that each has reached."""

    counters: tuple[Counter, ...]
    tries: tuple[int, ...]

    def forgiven(self) -> list[Statement]:
        """The statements to run after a correct proof: they refund the rates and reset the backoffs."""
        rows = tuple(counter.key for counter in self.counters if isinstance(counter.rule, ExponentialBackoff))
        held = tuple(counter.key for counter in self.counters)
        return [queries.refund(_rates(self.counters), held), queries.forgive(rows, (), 0, held)]


async def consume(auth: Auth, tried: Attempt) -> CountedAttempt:
    """Counts one attempt on every counter, and commits. Raises TooManyAttempts when one of them is used up."""
    attempt, counted = await _counted(auth, tried)
    counters = [attempt.own, *attempt.shared]
    is_repeated = attempt.marker.key not in counted
    # `accounts` limits different accounts, and this network has tried this one before.
    beside = {"accounts"} if is_repeated else set()
    refused = [counter for counter in counters if counter.key not in counted and counter.bucket not in beside]
    consumed = tuple(counter for counter in attempt.shared if counter.key in counted)
    if refused:
        await _refund(auth, consumed)
        if not is_repeated:
            await auth.database.rows(_forgotten(attempt.marker))
        raise TooManyAttempts(retry_after=await _wait(auth, refused))
    return replace(attempt, shared=consumed, tries=counted[attempt.own.key], is_repeated=is_repeated)


async def limit(auth: Auth, *limits: Limit) -> Counted:
    """Counts one use under every limit, and commits. Raises TooManyAttempts, and counts none, when one is used up."""
    counters = tuple(_counter(auth, *one) for one in limits)
    tries = await _tries(auth, queries.consume(counters))
    refused = [counter for counter in counters if counter.key not in tries]
    if refused:
        await _refund(auth, [counter for counter in counters if counter.key in tries])
        raise TooManyAttempts(retry_after=await _wait(auth, refused))
    return Counted(counters, tuple(tries[counter.key] for counter in counters))


async def limit_mails(auth: Auth, client: Client) -> None:
    """Counts a requested mail against the client's network. Raises TooManyAttempts; call it before any write."""
    await limit(auth, Limit("mail network", network_of(client), auth.settings.throttle.mail_network))


async def may_mail(auth: Auth, kind: str, canonical: str) -> bool:
    """Counts one more mail of this kind to the address; False when its limit is used up."""
    throttle = auth.settings.throttle
    try:
        await limit(
            auth,
            Limit(f"mail {kind}", canonical, throttle.mail),
            Limit(f"mail {kind} day", canonical, throttle.mail_day),
        )
    except TooManyAttempts:
        return False
    return True


def lifted(auth: Auth, method: str, canonical: str) -> Statement:
    """The statement that ends the account's lockout of unknown browsers: its owner has set a new password."""
    return _forgotten(_stranger(auth, method, canonical))


def network_of(client: Client) -> str:
    """The client's network: its IPv4 address, or the first 64 bits of its IPv6 address, which one subscriber gets.

    All clients without a known address share the network "unknown".
    """
    if client.address is None:
        return "unknown"
    address = ip_address(client.address)
    size = address.max_prefixlen if address.version == 4 else IPV6_NETWORK  # noqa: PLR2004 - the version of IP
    return str(ip_network((address, size), strict=False))


async def _counted(auth: Auth, tried: Attempt) -> tuple[CountedAttempt, dict[str, int]]:
    """Counts the attempt; returns it with the tries of each counter that was not used up.

    A browser with a valid token has its own counter, unless the account has forgotten its browsers since the token was
    issued. One statement checks that and counts, so that the response time does not tell whether the browser is known.
    """
    stranger, device = _planned(auth, tried, None), known_browsers.known(auth, tried.visit.device_token, tried.account)
    if device is None:
        return stranger, await _tries(auth, queries.consume(stranger.counters))
    ours, condition = _planned(auth, tried, device.id), queries.KnownDevice(tried.account, device.at)
    tries = await _tries(auth, queries.consume_by_device(ours.counters, stranger.counters, condition))
    if ours.own.key not in tries and stranger.own.key not in tries:
        # Refused either way, so the statement did not tell which of the two counters it used.
        is_known = await auth.database.row(queries.is_known(condition)) is not None
    else:
        is_known = ours.own.key in tries
    return ours if is_known else stranger, tries


async def _tries(auth: Auth, statement: Statement) -> dict[str, int]:
    return {row.key: row.tries for row in await auth.database.rows(statement)}


def _planned(auth: Auth, tried: Attempt, device: str | None) -> CountedAttempt:
    throttle, network = auth.settings.throttle, network_of(tried.visit.client)
    stranger = _stranger(auth, tried.method, tried.account)
    own = stranger
    if device is not None:
        own = _counter(auth, "device", f"{tried.method} {tried.account} {device}", throttle.device)
    shared = [
        _counter(auth, "network", network, throttle.network),
        _counter(auth, "network day", network, throttle.network_day),
        _counter(auth, "accounts", network, throttle.accounts),
    ]
    if throttle.total is not None and device is None:
        shared.append(_counter(auth, "total", "", throttle.total))
    marker = _counter(auth, "account of network", f"{network} {tried.account}", ONCE_AN_HOUR)
    return CountedAttempt(own, tuple(shared), marker, stranger, 0, is_repeated=False, device=device)


def _stranger(auth: Auth, method: str, canonical: str) -> Counter:
    return _counter(auth, "account", f"{method} {canonical}", _doubling(auth.settings.throttle))


def _doubling(throttle: Throttle) -> ExponentialBackoff:
    return ExponentialBackoff(throttle.free, throttle.longest // timedelta(seconds=1), throttle.cap)


def _counter(auth: Auth, bucket: str, subject: str, rule: Rate | ExponentialBackoff) -> Counter:
    return Counter(auth.keys.digest(f"attempt {bucket}", subject), bucket, rule)


def _rates(counters: Sequence[Counter]) -> list[Counter]:
    return [counter for counter in counters if isinstance(counter.rule, Rate)]


async def _refund(auth: Auth, counters: Sequence[Counter]) -> None:
    if rates := _rates(counters):
        await auth.database.rows(_refunded(rates))


def _refunded(counters: Sequence[Counter]) -> Statement:
    return queries.refund(counters, [counter.key for counter in counters])


def _forgotten(counter: Counter) -> Statement:
    return queries.forgive((counter.key,), (), 0, (counter.key,))


async def _wait(auth: Auth, refused: Sequence[Counter]) -> timedelta:
    row = await auth.database.row(queries.wait(refused))
    seconds = (row.seconds if row else None) or 0
    return min(timedelta(seconds=max(1, seconds)), max(auth.settings.throttle.longest, _longest(refused)))


def _longest(refused: Sequence[Counter]) -> timedelta:
    periods = [counter.rule.period for counter in refused if isinstance(counter.rule, Rate)]
    return max(periods, default=timedelta(0))
