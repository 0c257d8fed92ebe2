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
from fam_auth.repository.data_access.queries.attempts import Charge
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

    own: Charge
    shared: tuple[Charge, ...]
    marker: Charge
    stranger: Charge
    tries: int
    is_repeated: bool
    device: str | None

    @property
    def is_known_device(self) -> bool:
        """Whether this browser has signed in to the account before."""
        return self.device is not None

    @property
    def charges(self) -> tuple[Charge, ...]:
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
        held = (*forgotten, *capped, *(charge.key for charge in self.shared))
        return [queries.give_back(self.shared, held), queries.forgive(forgotten, capped, cap, held)]

    def failed(self) -> list[Statement]:
        """The statements to run after a failed attempt.

        `accounts` limits how many accounts a network tries, so an account that it has tried within the hour is
        refunded there.
        """
        accounts = [charge for charge in self.shared if charge.bucket == "accounts"]
        return [_given_back(accounts)] if self.is_repeated and accounts else []


class Use(NamedTuple):
    """One use to count: the name of the counter, its subject (an address, a network or an id) and its limit."""

    bucket: str
    subject: str
    rule: Rate | ExponentialBackoff


@dataclass(frozen=True, slots=True)
class Counted:
    """Uses that were counted, with the number that each counter has reached."""

    charges: tuple[Charge, ...]
    tries: tuple[int, ...]

    def forgiven(self) -> list[Statement]:
        """The statements to run after a correct proof: they refund the rates and reset the backoffs."""
        rows = tuple(charge.key for charge in self.charges if isinstance(charge.rule, ExponentialBackoff))
        held = tuple(charge.key for charge in self.charges)
        return [queries.give_back(_rates(self.charges), held), queries.forgive(rows, (), 0, held)]


async def spend(auth: Auth, tried: Attempt) -> CountedAttempt:
    """Counts one attempt on every counter, and commits. Raises TooManyAttempts when one of them is used up."""
    attempt, counted = await _counted(auth, tried)
    charges = [attempt.own, *attempt.shared]
    is_repeated = attempt.marker.key not in counted
    # `accounts` limits different accounts, and this network has tried this one before.
    beside = {"accounts"} if is_repeated else set()
    refused = [charge for charge in charges if charge.key not in counted and charge.bucket not in beside]
    spent = tuple(charge for charge in attempt.shared if charge.key in counted)
    if refused:
        await _refund(auth, spent)
        if not is_repeated:
            await auth.database.rows(_forgotten(attempt.marker))
        raise TooManyAttempts(retry_after=await _wait(auth, refused))
    return replace(attempt, shared=spent, tries=counted[attempt.own.key], is_repeated=is_repeated)


async def limit(auth: Auth, *uses: Use) -> Counted:
    """Counts one use under every limit, and commits. Raises TooManyAttempts, and counts none, when one is used up."""
    charges = tuple(_charge(auth, *use) for use in uses)
    tries = await _tries(auth, queries.spend(charges))
    refused = [charge for charge in charges if charge.key not in tries]
    if refused:
        await _refund(auth, [charge for charge in charges if charge.key in tries])
        raise TooManyAttempts(retry_after=await _wait(auth, refused))
    return Counted(charges, tuple(tries[charge.key] for charge in charges))


async def limit_mails(auth: Auth, client: Client) -> None:
    """Counts a requested mail against the client's network. Raises TooManyAttempts; call it before any write."""
    await limit(auth, Use("mail network", network_of(client), auth.settings.throttle.mail_network))


async def may_mail(auth: Auth, kind: str, canonical: str) -> bool:
    """Counts one more mail of this kind to the address; False when its limit is used up."""
    throttle = auth.settings.throttle
    try:
        await limit(
            auth,
            Use(f"mail {kind}", canonical, throttle.mail),
            Use(f"mail {kind} day", canonical, throttle.mail_day),
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
        return stranger, await _tries(auth, queries.spend(stranger.charges))
    ours, condition = _planned(auth, tried, device.id), queries.KnownDevice(tried.account, device.at)
    tries = await _tries(auth, queries.spend_by_device(ours.charges, stranger.charges, condition))
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
        own = _charge(auth, "device", f"{tried.method} {tried.account} {device}", throttle.device)
    shared = [
        _charge(auth, "network", network, throttle.network),
        _charge(auth, "network day", network, throttle.network_day),
        _charge(auth, "accounts", network, throttle.accounts),
    ]
    if throttle.total is not None and device is None:
        shared.append(_charge(auth, "total", "", throttle.total))
    marker = _charge(auth, "account of network", f"{network} {tried.account}", ONCE_AN_HOUR)
    return CountedAttempt(own, tuple(shared), marker, stranger, 0, is_repeated=False, device=device)


def _stranger(auth: Auth, method: str, canonical: str) -> Charge:
    return _charge(auth, "account", f"{method} {canonical}", _doubling(auth.settings.throttle))


def _doubling(throttle: Throttle) -> ExponentialBackoff:
    return ExponentialBackoff(throttle.free, throttle.longest // timedelta(seconds=1), throttle.cap)


def _charge(auth: Auth, bucket: str, subject: str, rule: Rate | ExponentialBackoff) -> Charge:
    return Charge(auth.keys.digest(f"attempt {bucket}", subject), bucket, rule)


def _rates(charges: Sequence[Charge]) -> list[Charge]:
    return [charge for charge in charges if isinstance(charge.rule, Rate)]


async def _refund(auth: Auth, charges: Sequence[Charge]) -> None:
    if rates := _rates(charges):
        await auth.database.rows(_given_back(rates))


def _given_back(charges: Sequence[Charge]) -> Statement:
    return queries.give_back(charges, [charge.key for charge in charges])


def _forgotten(charge: Charge) -> Statement:
    return queries.forgive((charge.key,), (), 0, (charge.key,))


async def _wait(auth: Auth, refused: Sequence[Charge]) -> timedelta:
    row = await auth.database.row(queries.wait(refused))
    seconds = (row.seconds if row else None) or 0
    return min(timedelta(seconds=max(1, seconds)), max(auth.settings.throttle.longest, _longest(refused)))


def _longest(refused: Sequence[Charge]) -> timedelta:
    periods = [charge.rule.period for charge in refused if isinstance(charge.rule, Rate)]
    return max(periods, default=timedelta(0))
