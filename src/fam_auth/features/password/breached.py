"""Breached passwords beyond the offline list: a range API is asked, which does not learn which password it is about.

It gets five characters of the SHA-1 and answers with all breached hashes that begin so (k-anonymity), some of them made
up: those have been breached 0 times.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

SENT = 5
QUIET = timedelta(minutes=1)
_LINE = re.compile(rb"([0-9A-Fa-f]{35}):([0-9]{1,10})")


class Unanswered(Exception):
    """The range API has not answered as it should; the message says how."""


class Breached:
    """The passwords that a range API knows. `fetch` gives the lines for a beginning, or raises Unanswered."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._quiet_until: datetime | None = None

    async def has(self, password: str) -> bool:
        """Whether this password, in the form that is hashed, has been breached. Raises Unanswered."""
        beginning, rest = halves(password)
        return is_among(rest, await self._fetch(beginning))

    def tells_of_outage(self, now: datetime) -> bool:
        """Whether an outage is news; it is not for the next minute then."""
        if self._quiet_until is not None and now < self._quiet_until:
            return False
        self._quiet_until = now + QUIET
        return True


def halves(password: str) -> tuple[str, str]:
    """What is sent of the SHA-1 of a password, and the rest, which is not."""
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    return digest[:SENT], digest[SENT:]


def is_among(rest: str, body: bytes) -> bool:
    """Whether the rest of a hash is on one of the lines, and was breached. Raises Unanswered for what is no range."""
    lines = [_LINE.fullmatch(line) for line in body.split()]
    if not lines or None in lines:
        raise Unanswered("the response is not a range of hashes")
    return any(line[1].upper() == rest.encode() and int(line[2]) > 0 for line in lines if line)
