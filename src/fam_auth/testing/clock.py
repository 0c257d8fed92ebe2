"""A clock for tests: it runs like the system clock until the test moves or stops it."""

from datetime import datetime, timedelta

from sqlalchemy import update

from fam_auth.auth import Auth
from fam_auth.core.clock import system_clock
from fam_auth.models import Attempt

TICK = timedelta(microseconds=1)


class Clock:
    """A clock that can be moved and stopped, for `Auth(clock=...)`."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._frozen: datetime | None = None

    def __call__(self) -> datetime:
        if self._frozen is None:
            return system_clock() + self._ahead
        # Each call advances a stopped clock by a microsecond, so that new ids still sort in the order of creation.
        self._frozen += TICK
        return self._frozen

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stop the clock now, or at `at`. Returns the time at which it stands."""
        self._frozen = at or self()
        return self._frozen

    def travel(self, by: timedelta) -> datetime:
        """Move the clock forward, or back if `by` is negative. Returns the new time."""
        self._ahead += by
        if self._frozen is not None:
            self._frozen += by
        return self()


async def travel(auth: Auth, by: timedelta) -> datetime:
    """Move the time for the application and its rate limits. Returns the new time.

    Rate limits use the database's clock, which cannot be moved, so their stored times are moved back instead. Requires
    an Auth inside `isolated`.
    """
    assert isinstance(auth.now, Clock)  # noqa: S101 - documented above
    seconds = by.total_seconds()
    aged = {"tried_at": Attempt.tried_at - seconds, "free_at": Attempt.free_at - seconds}
    await auth.database.rows(update(Attempt).values(**aged))
    return auth.now.travel(by)
