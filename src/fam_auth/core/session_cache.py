"""The sessions that this worker has seen, so that a signed-in request asks the database for nothing.

What is remembered is believed only while the feed of changes is read (managers/invalidation.py).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from fam_auth.values import Session, User

if TYPE_CHECKING:
    from datetime import datetime

TRUST = 5.0
"""So many seconds the feed may be silent before every request asks the database again."""
NOTE_EVERY = 60.0
"""So many seconds after a use of a session was noted, the next one is."""
LONGEST_ANSWER = 60.0
"""No answer of the database is on its way for so many seconds."""


@dataclass(slots=True)
class CachedSession:
    """What a token stands for: until it `ends`, unless nobody uses it for `idle` seconds before.

    `until` is the earlier of both, reckoned from the last use that was noted; the first use after `stale_at` is noted
    again. Moments are seconds since the epoch: they take a sixth of the time that dates do.
    """

    session: Session
    user: User
    ends: float
    idle: float
    seen_at: InitVar[float]
    until: float = field(init=False)
    stale_at: float = field(init=False)

    def __post_init__(self, seen_at: float) -> None:
        self.seen(seen_at)

    def seen(self, at: float) -> None:
        """Its use is noted."""
        self.until, self.stale_at = min(self.ends, at + self.idle), at + NOTE_EVERY


@dataclass(slots=True)
class FeedCursor:
    """Where this worker stands in the invalidation feed.

    `position` is the horizon of the last read (None: it was never read), `server` what tells that server from others,
    and `read` the rows at or above the horizon that have been read already.
    """

    position: int | None = None
    server: float | None = None
    read: set[int] = field(default_factory=set)


class SessionCache:
    """At most `size` tokens with their sessions, the least recently used given up first; about 4 kB each.

    `now` tells the seconds since the epoch, by which tokens end; `clock` those that the feed is silent, which nobody
    can set back. `uses` are the sessions used since the last write, with the time of their last use.
    """

    def __init__(self, size: int, now: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self.size = size
        self.now, self.clock = now, clock
        self.cursor = FeedCursor()
        self.uses: dict[UUID, datetime] = {}
        self._trusted_until = float("-inf")
        self._tokens: OrderedDict[bytes | str, CachedSession] = OrderedDict()
        self._of: dict[UUID, set[bytes | str]] = {}
        self._forgotten: OrderedDict[UUID | None, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def is_trusted(self) -> bool:
        """Whether the feed was read lately."""
        return self.clock() < self._trusted_until

    def find(self, token: bytes | str, at: float) -> CachedSession | None:
        """What the token stands for at a moment of `now`, in seconds; None when the database has to be asked.

        A bearer's token is kept as the header that shows it, in bytes, and a cookie's as itself.
        """
        found = self._tokens.get(token)
        if found is None or found.until <= at or self.clock() >= self._trusted_until:
            return None
        self._tokens.move_to_end(token)
        return found

    def keep(self, token: bytes | str, known: CachedSession, asked_at: float) -> None:
        """Remembers what the database was asked for at a moment of `clock`, unless that was forgotten since."""
        ids = (known.session.id, known.session.user_id)
        if not self.is_trusted or any(self._forgotten.get(one, -1) >= asked_at for one in (None, *ids)):
            return
        self._tokens[token] = known
        for one in ids:
            self._of.setdefault(one, set()).add(token)
        while len(self._tokens) > self.size:
            self._drop(next(iter(self._tokens)))

    def forget(self, one: UUID | None) -> None:
        """Nothing is remembered of a session or of a user (by their id); None: of anybody."""
        self._forgotten[one] = now = self.clock()
        self._forgotten.move_to_end(one)
        # Here and not where the feed is heard alone: a process that never reads it would keep all of them.
        while next(iter(self._forgotten.values())) <= now - LONGEST_ANSWER:
            self._forgotten.popitem(last=False)
        for token in list(self._tokens if one is None else self._of.get(one, ())):
            self._drop(token)

    def was_forgotten(self, session: Session) -> bool:
        """Whether it may have changed while the database was asked for it, or since."""
        since = self.clock() - LONGEST_ANSWER
        return any(self._forgotten.get(one, since) > since for one in (None, session.id, session.user_id))

    def heard(self, asked_at: float) -> None:
        """The feed, asked for at a moment of `clock`, was read. After too long a silence nothing is believed."""
        if not self.is_trusted:
            self.forget(None)
        self._trusted_until = asked_at + TRUST

    def _drop(self, token: bytes | str) -> None:
        known = self._tokens.pop(token)
        for one in (known.session.id, known.session.user_id):
            tokens = self._of[one]
            tokens.discard(token)
            if not tokens:
                del self._of[one]
