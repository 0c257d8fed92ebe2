"""Breached passwords beyond the offline list, from a range API that does not learn the password (k-anonymity).

It gets five characters of the SHA-1, and answers with all breached hashes that begin with them. Some are padding: those
have a count of 0.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

SENT = 5
QUIET = timedelta(minutes=1)
_LINE = re.compile(rb"([0-9A-Fa-f]{35}):([0-9]{1,10})")


class Unanswered(Exception):
    """The range API did not answer, or not with a range; the message says how."""


class Breached:
    """The breached passwords of a range API. `fetch` returns the lines of a prefix, or raises Unanswered."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._quiet_until: datetime | None = None

    async def has(self, password: str) -> bool:
        """Whether this password, normalized, has been breached. Raises Unanswered."""
        beginning, rest = halves(password)
        return is_among(rest, await self._fetch(beginning))

    def tells_of_outage(self, now: datetime) -> bool:
        """Whether to report an outage at this moment: once a minute at most."""
        if self._quiet_until is not None and now < self._quiet_until:
            return False
        self._quiet_until = now + QUIET
        return True


def halves(password: str) -> tuple[str, str]:
    """The prefix of the password's SHA-1 that is sent, and the rest, which is not."""
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    return digest[:SENT], digest[SENT:]


def is_among(rest: str, body: bytes) -> bool:
    """Whether the rest of a hash is on one of the lines with a count above 0. Raises Unanswered if this is no range."""
    lines = [_LINE.fullmatch(line) for line in body.split()]
    if not lines or None in lines:
        raise Unanswered("the response is not a range of hashes")
    return any(line[1].upper() == rest.encode() and int(line[2]) > 0 for line in lines if line)
