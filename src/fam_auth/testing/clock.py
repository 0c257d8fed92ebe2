"""The time of a test: it goes on as everybody's does, until the test moves or stops it."""

from datetime import datetime, timedelta

from sqlalchemy import update

from fam_auth.auth import Auth
from fam_auth.core.clock import system_clock
from fam_auth.models import Attempt

TICK = timedelta(microseconds=1)


class Clock:
    """The clock of an Auth, as `Auth(clock=...)` takes it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._frozen: datetime | None = None

    def __call__(self) -> datetime:
        if self._frozen is None:
            return system_clock() + self._ahead
        # Ids sort by the moment that they were made at, also while time stands still.
        self._frozen += TICK
        return self._frozen

    def freeze(self, at: datetime | None = None) -> datetime:
        """Time stands still from now on, or at that moment; returns it."""
        self._frozen = at or self()
        return self._frozen

    def travel(self, by: timedelta) -> datetime:
        """Time is later, or earlier, by so much; returns the present."""
        self._ahead += by
        if self._frozen is not None:
            self._frozen += by
        return self()


async def travel(auth: Auth, by: timedelta) -> datetime:
    """Time is later by so much, for the application and for its limits of attempts, which go by the database's clock.

    Only where `isolated` has given the Auth a clock that can be moved.
    """
    assert isinstance(auth.now, Clock)  # noqa: S101 - said above
    seconds = by.total_seconds()
    aged = {"tried_at": Attempt.tried_at - seconds, "free_at": Attempt.free_at - seconds}
    await auth.database.rows(update(Attempt).values(**aged))
    return auth.now.travel(by)
