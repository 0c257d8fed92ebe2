"""Time and the ids that carry it."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

# Beyond these a moment has no date in some time zone, so that neither Python nor a database can show it there.
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
Clock = Callable[[], datetime]
system_clock: Clock = partial(datetime.now, UTC)
"""The present moment, in UTC."""


def timestamps(clock: Clock) -> Callable[[], float]:
    """The same clock in seconds since the epoch; the system's is asked for them without the detour by dates."""
    return time.time if clock is system_clock else lambda: clock().timestamp()


def within_calendar(moment: datetime) -> datetime:
    """The moment in UTC. Raises ValueError at the edges of the calendar."""
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("no date in some time zones")
    return moment.astimezone(UTC)


def uuid7(now: datetime) -> UUID:
    """A new UUID version 7: sorts by `now` to the microsecond, the rest is random (RFC 9562, 5.7 and 6.2)."""
    return UUID(int=uuid7_floor(now).int | secrets.randbits(62))


def uuid7_floor(moment: datetime) -> UUID:
    """The least of all ids of a moment: those made earlier sort below it. Of one before 1970, the least there is."""
    milliseconds, fraction = divmod(max(0, int(moment.timestamp() * 1_000_000)), 1000)
    head = milliseconds << 16 | 0x7000 | fraction * 4096 // 1000
    return UUID(int=head << 64 | 0b10 << 62)
