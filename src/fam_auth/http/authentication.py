"""The session and the user of a request, and the guard that asks for them."""

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from fam_auth.auth import Auth
from fam_auth.demands import Demand
from fam_auth.exceptions import Unauthenticated
from fam_auth.http.client import client_of
from fam_auth.http.credentials import SAFE, SESSION_COOKIE, authorization, cookie_name, credentials, refuse_cross_site
from fam_auth.http.installed import STATE, auth_of
from fam_auth.http.sockets import sockets_of
from fam_auth.repository.data_access.managers import sessions
from fam_auth.values import Actor, Session, User

DEMANDED = "fam_auth.demanded"


async def signed_in(connection: HTTPConnection) -> tuple[Session, User]:
    """The session and the user of a request, looked up once per request. Raises Unauthenticated and CrossSite."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    if known is None:
        auth = auth_of(connection)
        known = sessions.remembered(auth, authorization(connection)) or await _asked_for(connection, auth)
        connection.scope[STATE] = known
        # Asking for the class of the connection takes ten times as long.
        if connection.scope["type"] == "websocket":
            _watch(auth, connection, known[0])
    return known


async def actor_of(connection: HTTPConnection) -> Actor:
    """Who does something, signed in. Raises Unauthenticated and CrossSite."""
    session, user = await signed_in(connection)

    def judge(session: Session) -> None:
        for demand in connection.scope.get(DEMANDED, ()):
            demand.check(auth_of(connection), session, connection)

    return Actor(client_of(connection), user.id, session.id, judge)


class SignedIn:
    """The one dependency that guards a route: it resolves everything itself, as every further one costs a tenth.

    It is no SecurityBase, which FastAPI looks at for longer than we do; the document tells of it all the same
    (http/openapi.py).
    """

    def __init__(self, *demands: Demand) -> None:
        self.demands = demands

    async def __call__(self, connection: HTTPConnection) -> tuple[Session, User]:
        session, user = await signed_in(connection)
        for demand in self.demands:
            demand.check(auth_of(connection), session, connection)
        if self.demands:
            connection.scope[DEMANDED] = connection.scope.get(DEMANDED, ()) + self.demands
        if connection.scope["type"] == "websocket":
            _watch(auth_of(connection), connection, session, self.demands)
        return session, user


async def is_public() -> None:
    """For routes that are meant for everybody."""


def _watch(auth: Auth, connection: HTTPConnection, session: Session, demands: tuple[Demand, ...] = ()) -> None:
    """The WebSocket ends when the session does, or does not meet the demands any more."""
    assert isinstance(connection, WebSocket)  # noqa: S101 - its scope said so
    sockets_of(auth).add(auth, connection, session, demands)


async def _asked_for(connection: HTTPConnection, auth: Auth) -> tuple[Session, User]:
    token = credentials(connection, "bearer")
    if token is not None and "bearer" in auth.settings.transports:
        return await sessions.current(auth, token, "bearer")
    return await _by_cookie(connection, auth)


async def _by_cookie(connection: HTTPConnection, auth: Auth) -> tuple[Session, User]:
    token = connection.cookies.get(cookie_name(auth, SESSION_COOKIE))
    if token is None or "cookie" not in auth.settings.transports:
        raise Unauthenticated
    if connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE:
        refuse_cross_site(connection, auth)
    return await sessions.current(auth, token, "cookie")
