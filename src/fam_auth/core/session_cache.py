"""A cache of sessions in this process, so that an authenticated request needs no query.

It is used only while the invalidation feed is being read (managers/invalidation.py).
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
"""Seconds without reading the invalidation feed after which the cache is no longer used."""
NOTE_EVERY = 60.0
"""Seconds between two writes of when a session was last used."""
LONGEST_ANSWER = 60.0
"""Upper bound in seconds on how long a query may be in flight. It is far above the deadlines of statements."""


@dataclass(slots=True)
class CachedSession:
    """The session and user of a token. It is valid until it `ends`, or until it is unused for `idle` seconds.

    `until` is the earlier of the two, counted from the last recorded use. The first use after `stale_at` must be
    recorded again. Times are seconds since the epoch, which take a sixth of the time of datetime objects.
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
        """Record that the session was used."""
        self.until, self.stale_at = min(self.ends, at + self.idle), at + NOTE_EVERY


@dataclass(slots=True)
class FeedCursor:
    """How far this worker has read the invalidation feed.

    `position` is the horizon of the last read (None: it was never read), `server` what tells that server from others,
    and `read` the rows at or above the horizon that have been read already.
    """

    position: int | None = None
    server: float | None = None
    read: set[int] = field(default_factory=set)


class SessionCache:
    """An LRU cache of `size` tokens with their sessions, about 4 kB each.

    `now` returns seconds since the epoch, by which tokens expire. `clock` is monotonic and measures how old the feed
    is, so that setting the system clock back does not make an old cache trusted. `uses` are the sessions used since the
    last write, with the time of their last use.
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
        """Whether the feed was read recently enough to use the cache."""
        return self.clock() < self._trusted_until

    def find(self, token: bytes | str, at: float) -> CachedSession | None:
        """The session of a token at time `at` (of `now`); None when the database must be queried.

        The key of a bearer token is the whole Authorization header in bytes, so that a hit needs no parsing. The key of
        a cookie is its value.
        """
        found = self._tokens.get(token)
        if found is None or found.until <= at or self.clock() >= self._trusted_until:
            return None
        self._tokens.move_to_end(token)
        return found

    def keep(self, token: bytes | str, known: CachedSession, asked_at: float) -> None:
        """Cache what a query that began at `asked_at` (of `clock`) returned.

        Not if the session was invalidated since: the query may have read the state from before.
        """
        ids = (known.session.id, known.session.user_id)
        if not self.is_trusted or any(self._forgotten.get(one, -1) >= asked_at for one in (None, *ids)):
            return
        self._tokens[token] = known
        for one in ids:
            self._of.setdefault(one, set()).add(token)
        while len(self._tokens) > self.size:
            self._drop(next(iter(self._tokens)))

    def forget(self, one: UUID | None) -> None:
        """Invalidate a session, or all sessions of a user, by id. None invalidates everything."""
        self._forgotten[one] = now = self.clock()
        self._forgotten.move_to_end(one)
        # Pruned here and not when the feed is read: a process that never reads it would keep every entry.
        while next(iter(self._forgotten.values())) <= now - LONGEST_ANSWER:
            self._forgotten.popitem(last=False)
        for token in list(self._tokens if one is None else self._of.get(one, ())):
            self._drop(token)

    def was_forgotten(self, session: Session) -> bool:
        """Whether the session may have changed since the query that returned it began."""
        since = self.clock() - LONGEST_ANSWER
        return any(self._forgotten.get(one, since) > since for one in (None, session.id, session.user_id))

    def heard(self, asked_at: float) -> None:
        """Record that the feed was read, by a query that began at `asked_at` (of `clock`).

        If the cache was not trusted before, it is emptied first: invalidations may have been missed.
        """
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
