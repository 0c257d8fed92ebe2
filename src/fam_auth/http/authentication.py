"""The session and user of a request, and the dependency that requires them."""

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
    """The session and user of a request, looked up once per request. Raises Unauthenticated and CrossSite."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    if known is None:
        auth = auth_of(connection)
        known = sessions.remembered(auth, authorization(connection)) or await _asked_for(connection, auth)
        connection.scope[STATE] = known
        # isinstance(connection, WebSocket) takes ten times as long.
        if connection.scope["type"] == "websocket":
            _watch(auth, connection, known[0])
    return known


async def actor_of(connection: HTTPConnection) -> Actor:
    """The signed-in user as an actor, with their client. Raises Unauthenticated and CrossSite."""
    session, user = await signed_in(connection)

    def judge(session: Session) -> None:
        for demand in connection.scope.get(DEMANDED, ()):
            demand.check(auth_of(connection), session, connection)

    return Actor(client_of(connection), user.id, session.id, judge)


class SignedIn:
    """The dependency that protects a route.

    It has no sub-dependencies, because each one makes a request about a tenth slower. For the same reason it is no
    SecurityBase: FastAPI takes longer to resolve one than we take for the whole check. http/openapi.py adds the
    security requirement to the OpenAPI document instead.
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
    """A dependency that does nothing. It marks a route as public on purpose."""


def _watch(auth: Auth, connection: HTTPConnection, session: Session, demands: tuple[Demand, ...] = ()) -> None:
    """Closes the WebSocket once the session ends or no longer meets the demands."""
    assert isinstance(connection, WebSocket)  # noqa: S101 - the scope type was checked
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
