"""WebSockets that are open: they end with what let them in."""

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
"""Sessions that one statement asks for; drivers allow some 32,000 parameters."""
STALE = timedelta(seconds=5)
"""So long a socket stays open on claims that have ended while no database tells what holds now."""
NOTED = timedelta(seconds=2)
"""By then every worker has written the uses of a session, which it does once a second."""
WATCHED = "fam_auth_watched"
log = logging.getLogger("fam_auth")


class Sockets:
    """The open WebSockets of an Auth behind CurrentSession, CurrentUser and needs().

    `hear` and `judge` are apart: what has changed is noted at once, and stays noted until it was judged.
    """

    def __init__(self) -> None:
        self.is_judged = False
        self._open: WeakSet[WatchedSocket] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, auth: Auth, socket: WebSocket, session: Session, demands: Sequence[Demand]) -> None:
        """A WebSocket is watched from now on; it is judged soon if anything has changed since the session was read."""
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
        if auth.session_cache.was_forgotten(session) or one.session is not session:
            one.changed_at = auth.session_cache.clock()

    def hear(self, auth: Auth, about: Collection[UUID | None]) -> None:
        """These sessions and users have changed; None among them: all may have."""
        at = auth.session_cache.clock()
        for one in self._open if about else ():
            if None in about or one.session.id in about or one.session.user_id in about:
                one.changed_at = at

    async def judge(self, auth: Auth) -> None:
        """Ends those whose session has ended (4401), or does not meet what the route demands any more (4403).

        Only those are asked for that have changed or that time may have ended. Raises Unavailable; they stay noted.
        """
        due = self._due(auth)
        for some in (due[start : start + BATCH] for start in range(0, len(due), BATCH)):
            asked_at, now = auth.session_cache.clock(), auth.now()
            found = await sessions.live(auth, {one.session.id for one in some}, renew=False)
            for one in some:
                self._settle(auth, one, found.get(one.session.id), asked_at, now)

    async def renew(self, auth: Auth) -> None:
        """The same for those whose claims must be asked for first: user by user, so that nobody waits for another."""
        users: dict[UUID, list[WatchedSocket]] = {}
        # Those that were tried least lately first: a user who is locked takes a second.
        for one in sorted(self._open, key=lambda one: one.judged_at):
            if one.is_stale:
                users.setdefault(one.session.user_id, []).append(one)
        for some in users.values():
            await self._renew(auth, some)

    async def stop(self) -> None:
        """Nothing is judged any more; connections that are about to close are cut off."""
        self.is_judged = False
        await chores.end(self._closing)

    def _due(self, auth: Auth) -> list[WatchedSocket]:
        """Those to be asked for. Those that have reached their last moment end here, also while no database answers."""
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
                # What has ended by time alone needs no database to be over.
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
        """Judged by what the database said; changes heard of since `asked_at` stay noted."""
        one.judged_at = asked_at
        if session is None:
            self._end(one, SIGNED_OUT)
            return
        one.session = session
        # Ends that have passed changed nothing: another demand of any_of() is met, or `renew` comes to it.
        one.due = min((end for end in _ends(auth, one) if end > now), default=now)
        if one.demands and session.claims_until is not None and session.claims_until <= now:
            one.is_stale = True
        elif not _meets_demands(auth, one):
            self._end(one, FORBIDDEN)

    def _end(self, one: WatchedSocket, code: int) -> None:
        """Shut at once, and closed in a task of its own: others do not wait for its peer."""
        if one.code is not None:  # judged twice at once, by `judge` and `renew`
            return
        one.shut(code)
        self._open.discard(one)
        task = asyncio.create_task(one.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


# Auth knows no HTTP, so it cannot hold them; weak, so that an Auth that is given up takes them along.
_ALL: WeakKeyDictionary[Auth, Sockets] = WeakKeyDictionary()


def sockets_of(auth: Auth) -> Sockets:
    """The open WebSockets of an Auth, however its application is started: `running` in an outer lifespan too."""
    return _ALL.setdefault(auth, Sockets())


def _ends(auth: Auth, one: WatchedSocket) -> Iterable[datetime]:
    """The moments at which time alone may end what a WebSocket rests on."""
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
