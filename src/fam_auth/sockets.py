"""WebSockets that are open: they end with what let them in."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from starlette.websockets import WebSocket

from fam_auth.auth import Auth
from fam_auth.demands import Demand
from fam_auth.exceptions import Refusal
from fam_auth.repository.data_access.managers import sessions
from fam_auth.values import Session

SIGNED_OUT, FORBIDDEN = 4401, 4403


@dataclass(slots=True)
class Open:
    """What an open WebSocket rests on."""

    session: Session
    demands: tuple[Demand, ...]


class Sockets:
    """The open WebSockets of an application behind CurrentSession, CurrentUser and needs()."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[WebSocket, Open] = WeakKeyDictionary()

    def add(self, socket: WebSocket, session: Session, demands: Sequence[Demand]) -> None:
        """A WebSocket is watched from now on."""
        known = self._open.setdefault(socket, Open(session, ()))
        known.demands += tuple(demands)

    async def end(self, auth: Auth, about: Iterable[UUID | None]) -> None:
        """Closes those whose session has ended (4401), or does not meet what was asked any more (4403).

        `about` are the sessions and users that have changed; None among them: all may have.
        """
        changed, now = set(about), auth.now()
        concerned = {
            socket: known
            for socket, known in list(self._open.items())
            if changed & {None, known.session.id, known.session.user_id} or known.session.expires_at <= now
        }
        if concerned:
            live = await sessions.live(auth, {known.session.id for known in concerned.values()})
            for socket, known in concerned.items():
                await _end(auth, socket, known, live.get(known.session.id))


async def _end(auth: Auth, socket: WebSocket, known: Open, session: Session | None) -> None:
    code = SIGNED_OUT if session is None else 0
    if session is not None:
        try:
            for demand in known.demands:
                demand.check(auth, session, socket)
        except Refusal:
            code = FORBIDDEN
    if code:
        with suppress(RuntimeError):  # it has closed by itself meanwhile
            await socket.close(code)
