"""The clock, and UUIDs that contain the time."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

# A time outside these has no valid date in some time zone: Python and databases fail to convert it.
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
Clock = Callable[[], datetime]
system_clock: Clock = partial(datetime.now, UTC)
"""The current time, in UTC."""


def timestamps(clock: Clock) -> Callable[[], float]:
    """The same clock in seconds since the epoch. For the system clock it is time.time(), which is faster than dates."""
    return time.time if clock is system_clock else lambda: clock().timestamp()


def within_calendar(moment: datetime) -> datetime:
    """The time in UTC. Raises ValueError outside of EARLIEST and LATEST."""
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("no date in some time zones")
    return moment.astimezone(UTC)


def uuid7(now: datetime) -> UUID:
    """A new UUID version 7: it sorts by `now` to the microsecond, the rest is random (RFC 9562, 5.7 and 6.2)."""
    return UUID(int=uuid7_floor(now).int | secrets.randbits(62))


def uuid7_floor(moment: datetime) -> UUID:
    """The smallest id that can be created at `moment`: ids created earlier sort below it. Before 1970, the smallest."""
    milliseconds, fraction = divmod(max(0, int(moment.timestamp() * 1_000_000)), 1000)
    head = milliseconds << 16 | 0x7000 | fraction * 4096 // 1000
    return UUID(int=head << 64 | 0b10 << 62)
