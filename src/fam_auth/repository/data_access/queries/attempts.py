"""Statements that count attempts for rate limits (GCRA) and lockout, by the database's clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    delete,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.rates import ExponentialBackoff, Rate
from fam_auth.core.sql import AnyOf, Seconds
from fam_auth.core.statements import Build, Filled, built_once
from fam_auth.models import Attempt, Email

NEVER = 3_155_760_000.0
"""Seconds in a hundred years: locked out until an operator or a password reset ends it."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of attempts. `key` is a keyed digest of its subject; `bucket` names its limit, which is `rule`."""

    key: str
    bucket: str
    rule: Rate | ExponentialBackoff


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """The condition that an account knows a browser: it signed in at this moment, and has not been forgotten since.

    `account` is the canonical address.
    """

    account: str
    at: datetime


class When(IntEnum):
    """When a counter counts: always, if the browser is known, or if it is not."""

    ALWAYS = 0
    IF_KNOWN = 1
    IF_UNKNOWN = 2


Rules = tuple[tuple[str, Rate | ExponentialBackoff], ...]
"""Each bucket with its limit; hashable, so that a statement is built once for each set of limits."""
PARTS = ("key", "bucket", "interval")


def consume(counters: Sequence[Counter]) -> Filled:
    """Counts one more attempt on each counter; returns key and number of those that were not used up."""
    return Filled(_consuming(_rules(counters)), _given(counters))


def consume_by_device(known: Sequence[Counter], unknown: Sequence[Counter], device: KnownDevice) -> Filled:
    """The same with the counters `known`, or with `unknown` if the account does not know the browser any more."""
    counters = list(dict.fromkeys((*known, *unknown)))
    both = {*known} & {*unknown}
    when = [When.ALWAYS if one in both else When.IF_KNOWN if one in known else When.IF_UNKNOWN for one in counters]
    ordered = sorted(zip(counters, when, strict=True), key=lambda pair: pair[0].key)
    conditions = {f"when_{place}": int(condition) for place, (_, condition) in enumerate(ordered)}
    asked = {"account": device.account, "at": device.at}
    return Filled(_consuming(_rules(counters)), {**_given(counters), **conditions, **asked})


def is_known(device: KnownDevice) -> Rows:
    """A row if the account knows the browser."""
    return select(Email.id).where(*_knows(device.account, device.at))


def _given(counters: Sequence[Counter]) -> dict[str, Any]:
    # Every statement locks counters in the order of their keys: otherwise two of them could deadlock.
    ordered = enumerate(sorted(counters, key=lambda counter: counter.key))
    rows = {f"{place}": (counter.key, counter.bucket, _interval(counter.rule)) for place, counter in ordered}
    return {f"{name}_{place}": value for place, row in rows.items() for name, value in zip(PARTS, row, strict=True)}


def _knows(account: Any, at: Any) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 - values, or parameters for them
    """Whether an account knows a browser that signed in at this moment: after the account's creation and last reset."""
    is_forgotten = and_(Email.devices_since.is_not(None), Email.devices_since > at)
    return Email.canonical == account, Email.created_at <= at, not_(is_forgotten)


@lru_cache
def _consuming(rules: Rules) -> Build:
    def build(**given: ColumnElement[Any]) -> UpdateBase:
        now, columns = Seconds(), ["key", "bucket", "tries", "tried_at", "free_at"]
        places = range(sum(name.startswith("key_") for name in given))
        rows = [_first(_counts(given, place), *(given[f"{name}_{place}"] for name in PARTS)) for place in places]
        first = postgresql.insert(Attempt).from_select(columns, union_all(*rows))
        return first.on_conflict_do_update(
            index_elements=[Attempt.key],
            set_={"tries": Attempt.tries + 1, "tried_at": now, "free_at": _by_bucket(rules, _following)},
            where=Attempt.free_at <= now + _by_bucket(rules, lambda rule: _number(_tolerance(rule))),
        ).returning(Attempt.key, Attempt.tries)

    return build


def _counts(given: Mapping[str, ColumnElement[Any]], place: int) -> ColumnElement[bool]:
    """Whether the counter in this place counts.

    SQLite requires a WHERE here: without one it reads the ON of ON CONFLICT as that of a join.
    """
    if "account" not in given:
        return true()
    when = type_coerce(given[f"when_{place}"], Integer())
    known = exists().where(*_knows(given["account"], given["at"]))
    return or_(
        when == _number(When.ALWAYS.value),
        and_(when == _number(When.IF_KNOWN.value), known),
        and_(when == _number(When.IF_UNKNOWN.value), not_(known)),
    )


def _first(
    counts: ColumnElement[bool], key: ColumnElement[str], bucket: ColumnElement[str], interval: ColumnElement[float]
) -> Rows:
    """The row to insert for a counter that does not exist yet."""
    now, texts = Seconds(), (type_coerce(text, String()) for text in (key, bucket))
    return select(*texts, _number(1), now, now + interval).where(counts)


def refund(counters: Sequence[Counter], held: Sequence[str]) -> Filled:
    """Refunds one attempt on each counter of a rate. `held` are the keys of all counters that the transaction locks."""
    keys = tuple(counter.key for counter in counters)
    return Filled(_refunding(_rules(counters)), {"keys": keys, "held": tuple(held)})


@lru_cache
def _refunding(rules: Rules) -> Build:
    def build(keys: Sequence[str], held: Sequence[str]) -> UpdateBase:
        interval = _by_bucket(rules, lambda rule: _number(_interval(rule)))
        chosen = update(Attempt).where(AnyOf(Attempt.key, keys), Attempt.key.in_(_in_order(held)))
        return chosen.values(free_at=Attempt.free_at - interval)

    return build


def _in_order(keys: Sequence[str]) -> Select[str]:
    """Locks the counters in the order in which `consume` does: another order could deadlock."""
    return select(Attempt.key).where(AnyOf(Attempt.key, keys)).order_by(Attempt.key).with_for_update().correlate(None)


def wait(counters: Sequence[Counter]) -> Rows:
    """`seconds` until all of these counters allow an attempt again: the Retry-After."""
    until = Attempt.free_at - _by_bucket(_rules(counters), lambda rule: _number(_tolerance(rule)))
    keys = [counter.key for counter in counters]
    return select(func.max(until - Seconds()).label("seconds")).where(AnyOf(Attempt.key, keys))


@built_once
def forgive(keys: tuple[str, ...], capped: tuple[str, ...], cap: int, held: tuple[str, ...]) -> UpdateBase:
    """Deletes the counters of these keys, and those of `capped` that have reached `cap`; `held` as in the refund."""
    at_the_end = and_(AnyOf(Attempt.key, capped), Attempt.tries >= cap)
    return delete(Attempt).where(or_(AnyOf(Attempt.key, keys), at_the_end), Attempt.key.in_(_in_order(held)))


def ago(age: float) -> ColumnElement[float]:
    """The moment `age` seconds ago, as a subquery: PostgreSQL uses no index if it reads the clock for every row."""
    return select(Seconds() - age).scalar_subquery()


def _rules(counters: Sequence[Counter]) -> Rules:
    return tuple({counter.bucket: counter.rule for counter in counters}.items())


def _by_bucket(
    rules: Rules, worth: Callable[[Rate | ExponentialBackoff], ColumnElement[float]]
) -> ColumnElement[float]:
    return case(*((Attempt.bucket == bucket, worth(rule)) for bucket, rule in rules), else_=_number(0))


def _number(value: float) -> ColumnElement[Any]:
    """A number as a literal instead of a parameter: drivers cache statements with many parameters badly."""
    return literal_column(repr(value))


def _following(rule: Rate | ExponentialBackoff) -> ColumnElement[float]:
    """From when the next attempt is allowed, after the one being counted."""
    now = Seconds()
    if isinstance(rule, ExponentialBackoff):
        return now + _wait(rule)
    return case((Attempt.free_at > now, Attempt.free_at), else_=now) + _number(rule.interval)


def _wait(rule: ExponentialBackoff) -> ColumnElement[float]:
    """Seconds to wait after the attempt being counted; `tries` is the number before it.

    Doubles by a bit shift, because SQLite may be built without power().
    """
    first = rule.free - 1
    return case(
        (Attempt.tries >= _number(rule.cap - 1), _number(NEVER)),
        (Attempt.tries < _number(first), _number(0.0)),
        (Attempt.tries >= _number(first + rule.longest.bit_length()), _number(float(rule.longest))),
        else_=_number(1).bitwise_lshift(Attempt.tries - _number(first)),
    )


def _interval(rule: Rate | ExponentialBackoff) -> float:
    return rule.interval if isinstance(rule, Rate) else 0.0


def _tolerance(rule: Rate | ExponentialBackoff) -> float:
    return rule.tolerance if isinstance(rule, Rate) else 0.0
