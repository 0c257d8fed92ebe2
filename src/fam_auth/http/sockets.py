"""Open WebSockets: each is closed when its session ends or no longer meets the route's demands."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from starlette.websockets import WebSocket

from fam_auth.auth import Auth
from fam_auth.core import chores
from fam_auth.demands import Demand
from fam_auth.exceptions import Refusal, Unavailable
from fam_auth.http.watched_socket import WatchedSocket
from fam_auth.repository.data_access.managers import sessions
from fam_auth.values import Session

SIGNED_OUT, FORBIDDEN = 4401, 4403
BATCH = 1_000
"""Sessions per query. Drivers allow about 32,000 parameters."""
STALE = timedelta(seconds=5)
"""How long a WebSocket stays open on expired claims while the database does not answer."""
NOTED = timedelta(seconds=2)
"""After this time, every process has written when a session was used, which it does once a second."""
WATCHED = "fam_auth_watched"
log = logging.getLogger("fam_auth")


class Sockets:
    """The open WebSockets of routes with CurrentSession, CurrentUser or needs().

    `hear` marks those that a change concerns, and `judge` checks the marked ones. They are separate, so that a change
    is not lost when the check fails: a WebSocket stays marked until it has been checked.
    """

    def __init__(self) -> None:
        self.is_judged = False
        self._open: WeakSet[WatchedSocket] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, auth: Auth, socket: WebSocket, session: Session, demands: Sequence[Demand]) -> None:
        """Watch a WebSocket. It is checked soon if its session may have changed since it was read."""
        if not self.is_judged:
            log.warning(
                "An open WebSocket will not close when its session ends. Start the application with running(auth)."
            )
        one: WatchedSocket | None = socket.scope.get(WATCHED)
        if one is None:
            one = socket.scope[WATCHED] = WatchedSocket(socket, session, ())
            self._open.add(one)
        one.demands += tuple(demands)
        one.due = min(_ends(auth, one))
        # A change since the query would be missed, because the WebSocket was not watched yet.
        if auth.session_cache.was_forgotten(session) or one.session is not session:
            one.changed_at = auth.session_cache.clock()

    def hear(self, auth: Auth, about: Collection[UUID | None]) -> None:
        """Mark the WebSockets of these sessions and users as changed. None in `about` marks all."""
        at = auth.session_cache.clock()
        for one in self._open if about else ():
            if None in about or one.session.id in about or one.session.user_id in about:
                one.changed_at = at

    async def judge(self, auth: Auth) -> None:
        """Close the WebSockets whose session has ended (4401) or no longer meets the route's demands (4403).

        Queries only those that are marked, or due by time. Raises Unavailable, and they stay marked.
        """
        due = self._due(auth)
        for some in (due[start : start + BATCH] for start in range(0, len(due), BATCH)):
            asked_at, now = auth.session_cache.clock(), auth.now()
            found = await sessions.live(auth, {one.session.id for one in some}, renew=False)
            for one in some:
                self._settle(auth, one, found.get(one.session.id), asked_at, now)

    async def renew(self, auth: Auth) -> None:
        """Check those whose claims must be computed again, user by user, so that one does not delay the others."""
        users: dict[UUID, list[WatchedSocket]] = {}
        # The ones checked longest ago come first: a user whose row is locked takes a second each time.
        for one in sorted(self._open, key=lambda one: one.judged_at):
            if one.is_stale:
                users.setdefault(one.session.user_id, []).append(one)
        for some in users.values():
            await self._renew(auth, some)

    async def stop(self) -> None:
        """Stop checking, and abort connections that are still closing."""
        self.is_judged = False
        await chores.end(self._closing)

    def _due(self, auth: Auth) -> list[WatchedSocket]:
        """Those that need a query. Expired sessions end here without one, so also while the database is down."""
        if not self._open:
            return []
        now, due = auth.now(), []
        for one in list(self._open):
            if one.session.expires_at <= now:
                self._end(one, SIGNED_OUT)
            elif one.changed_at >= one.judged_at or one.due <= now:
                due.append(one)
        return due

    async def _renew(self, auth: Auth, some: Sequence[WatchedSocket]) -> None:
        asked_at, now = auth.session_cache.clock(), auth.now()
        try:
            found = await sessions.live(auth, {one.session.id for one in some})
        except Unavailable:
            for one in some:
                one.judged_at = asked_at
                # Expired claims end the WebSocket even if the database stays down.
                if one.session.claims_until is not None and one.session.claims_until + STALE <= now:
                    self._end(one, FORBIDDEN)
        except Exception:
            log.exception("Could not read the claims of a user. Closing their WebSockets.")
            for one in some:
                self._end(one, FORBIDDEN)
        else:
            for one in some:
                one.is_stale = False
                self._settle(auth, one, found.get(one.session.id), asked_at, now)

    def _settle(self, auth: Auth, one: WatchedSocket, session: Session | None, asked_at: float, now: datetime) -> None:
        """Apply the database's answer. Changes heard after `asked_at` stay marked: the answer may predate them."""
        one.judged_at = asked_at
        if session is None:
            self._end(one, SIGNED_OUT)
            return
        one.session = session
        # A time that has passed is not due again: another demand of any_of() was met, or `renew` handles it.
        one.due = min((end for end in _ends(auth, one) if end > now), default=now)
        if one.demands and session.claims_until is not None and session.claims_until <= now:
            one.is_stale = True
        elif not _meets_demands(auth, one):
            self._end(one, FORBIDDEN)

    def _end(self, one: WatchedSocket, code: int) -> None:
        """Stop delivery at once, and close in a separate task, so that a slow peer does not delay the others."""
        if one.code is not None:  # `judge` and `renew` both ended it
            return
        one.shut(code)
        self._open.discard(one)
        task = asyncio.create_task(one.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


# Auth knows no HTTP, so it cannot hold them. Weak keys, so that they go when the Auth is garbage-collected.
_ALL: WeakKeyDictionary[Auth, Sockets] = WeakKeyDictionary()


def sockets_of(auth: Auth) -> Sockets:
    """The open WebSockets of an Auth. They are found by Auth, because `running` may be in an outer lifespan."""
    return _ALL.setdefault(auth, Sockets())


def _ends(auth: Auth, one: WatchedSocket) -> Iterable[datetime]:
    """The times at which the session, its claims or a demand may expire."""
    session = one.session
    yield session.expires_at
    yield session.seen_at + auth.settings.session_idle + NOTED
    if one.demands and session.claims_until is not None:
        yield session.claims_until
    for demand in one.demands:
        yield from demand.ends(session)


def _meets_demands(auth: Auth, one: WatchedSocket) -> bool:
    try:
        for demand in one.demands:
            demand.check(auth, one.session, one.socket)
    except Refusal:
        return False
    except Exception:
        log.exception("Could not check what a route requires. Closing its WebSocket.")
        return False
    return True
