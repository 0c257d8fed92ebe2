"""Statements that count attempts: each is counted before it is judged, by the clock of the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Double, and_, case, delete, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.functions import FunctionElement

from fam_auth.core.database import Rows
from fam_auth.core.rates import Rate
from fam_auth.models import Attempt

NEVER = 3_155_760_000.0
"""A wait of a hundred years: until somebody lifts it."""


class Seconds(FunctionElement[float]):
    """The database's own clock in seconds since the epoch: the machines that share it need not agree on theirs."""

    type = Double()
    inherit_cache = True


@compiles(Seconds, "postgresql")
def _on_postgresql(element: Seconds, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "extract(epoch from clock_timestamp())::double precision"


@compiles(Seconds, "sqlite")
def _on_sqlite(element: Seconds, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "((julianday('now') - 2440587.5) * 86400.0)"


@dataclass(frozen=True, slots=True)
class Doubling:
    """`free` attempts in a row, then each doubles the wait up to `longest` seconds; after `cap` there is no more."""

    free: int
    longest: int
    cap: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt on one counter. `key` is a keyed digest; `bucket` names the rule, whose figure is `rule`."""

    key: str
    bucket: str
    rule: Rate | Doubling


def spend(charges: Sequence[Charge]) -> UpdateBase:
    """Counts one more attempt on each counter, and returns key and number of those that had one left."""
    now = Seconds()
    # In one order for everybody: two statements that hold rows the other one wants would wait for each other.
    ordered = sorted(charges, key=lambda charge: charge.key)
    first = postgresql.insert(Attempt).values(
        [
            {
                "key": charge.key,
                "bucket": charge.bucket,
                "tries": 1,
                "tried_at": now,
                "free_at": now + _interval(charge.rule),
            }
            for charge in ordered
        ]
    )
    return first.on_conflict_do_update(
        index_elements=[Attempt.key],
        set_={"tries": Attempt.tries + 1, "tried_at": now, "free_at": _by_bucket(charges, _following)},
        where=Attempt.free_at <= now + _by_bucket(charges, lambda rule: literal(_tolerance(rule))),
    ).returning(Attempt.key, Attempt.tries)


def give_back(charges: Sequence[Charge]) -> UpdateBase:
    """Takes back one attempt on each counter of a rate."""
    keys = [charge.key for charge in charges]
    interval = _by_bucket(charges, lambda rule: literal(_interval(rule)))
    return update(Attempt).where(Attempt.key.in_(keys)).values(free_at=Attempt.free_at - interval)


def wait(charges: Sequence[Charge]) -> Rows:
    """For how many seconds the counters that are used up will refuse."""
    until = Attempt.free_at - _by_bucket(charges, lambda rule: literal(_tolerance(rule)))
    keys = [charge.key for charge in charges]
    return select(func.max(until - Seconds()).label("seconds")).where(Attempt.key.in_(keys))


def forgive(keys: Sequence[str], capped: Sequence[str], cap: int) -> UpdateBase:
    """Forgets the counters of these keys, and those of `capped` that have come to their end."""
    at_the_end = and_(Attempt.key.in_(capped), Attempt.tries >= cap)
    return delete(Attempt).where(or_(Attempt.key.in_(keys), at_the_end))


def ago(age: float) -> ColumnElement[float]:
    """The moment so many seconds ago, asked for once: a clock that is read for every row keeps off the index."""
    return select(Seconds() - age).scalar_subquery()


def _by_bucket(
    charges: Sequence[Charge], worth: Callable[[Rate | Doubling], ColumnElement[float]]
) -> ColumnElement[float]:
    rules = {charge.bucket: charge.rule for charge in charges}
    return case(*((Attempt.bucket == bucket, worth(rule)) for bucket, rule in rules.items()), else_=0.0)


def _following(rule: Rate | Doubling) -> ColumnElement[float]:
    """When the next attempt is due after the one being counted."""
    now = Seconds()
    if isinstance(rule, Doubling):
        return now + _wait(rule)
    return case((Attempt.free_at > now, Attempt.free_at), else_=now) + rule.interval


def _wait(rule: Doubling) -> ColumnElement[float]:
    """The wait after the attempt being counted; `tries` is the number before it. SQLite may lack power()."""
    steps = range(rule.longest.bit_length())
    doubling = [(Attempt.tries == rule.free - 1 + step, float(2**step)) for step in steps]
    end = (Attempt.tries >= rule.cap - 1, NEVER)
    return case(end, (Attempt.tries < rule.free - 1, 0.0), *doubling, else_=float(rule.longest))


def _interval(rule: Rate | Doubling) -> float:
    return rule.interval if isinstance(rule, Rate) else 0.0


def _tolerance(rule: Rate | Doubling) -> float:
    return rule.tolerance if isinstance(rule, Rate) else 0.0
