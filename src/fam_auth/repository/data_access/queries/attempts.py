"""Statements that count attempts."""

from sqlalchemy import ColumnElement, case, delete, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.models import Attempt

FREE = 5
LONGEST = 900


def spend(key: str, bucket: str, now: float) -> UpdateBase:
    """Counts one more attempt and returns how many it makes; returns nothing while the wait is not over.

    Five in a row are free, then each doubles the wait, from 1 s up to 15 minutes. Times are seconds since the epoch.
    """
    first = postgresql.insert(Attempt).values(key=key, bucket=bucket, tries=1, tried_at=now, free_at=now)
    return first.on_conflict_do_update(
        index_elements=[Attempt.key],
        set_={"tries": Attempt.tries + 1, "tried_at": now, "free_at": now + _wait()},
        where=Attempt.free_at <= now,
    ).returning(Attempt.tries)


def wait(key: str) -> Rows:
    """When the next attempt counts, in seconds since the epoch."""
    return select(Attempt.free_at).where(Attempt.key == key)


def forgive(key: str) -> UpdateBase:
    """Forgets the attempts of a key."""
    return delete(Attempt).where(Attempt.key == key)


def purge(before: float) -> UpdateBase:
    """Deletes counters nobody has touched since a moment."""
    return delete(Attempt).where(Attempt.tried_at < before)


def _wait() -> ColumnElement[float]:
    """The wait after the attempt being counted; `tries` is the number before it. SQLite may lack power()."""
    doubling = [(Attempt.tries == FREE - 1 + step, float(2**step)) for step in range(LONGEST.bit_length())]
    return case((Attempt.tries < FREE - 1, 0.0), *doubling, else_=float(LONGEST))
