"""Time and the ids that carry it."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def uuid7(now: datetime) -> UUID:
    """A new UUID version 7 (RFC 9562, 5.7): sorts by `now` to the millisecond, the rest is random."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    head = milliseconds << 16 | 0x7000 | secrets.randbits(12)
    return UUID(int=head << 64 | 0b10 << 62 | secrets.randbits(62))
