"""What a route asks for: CurrentUser, CurrentSession, CurrentAuth, needs(...)."""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from fam_auth.auth import Auth
from fam_auth.core import forwarded, hosts
from fam_auth.demands import Demand
from fam_auth.exceptions import CrossSite, Misconfigured, Unauthenticated
from fam_auth.repository.data_access.managers import sessions
from fam_auth.sockets import sockets_of
from fam_auth.values import Actor, Client, Session, User

Result = TypeVar("Result")
STATE, DEMANDED = "fam_auth", "fam_auth.demanded"
HIDDEN = re.compile(r"[^\x20-\x7e]")
"""What could write lines of its own into a log, or move the cursor of a terminal."""
SAFE = {"GET", "HEAD", "OPTIONS"}
SESSION_COOKIE, LOGIN_COOKIE, DEVICE_COOKIE = "fam_session", "fam_login", "fam_device"
REGISTRATION_COOKIE = "fam_registration"


def installed_in(app: object) -> Auth | None:
    """The Auth that was installed into an application; None when there is none.

    It is an attribute of the application: its `state` takes far longer to look into.
    """
    auth = getattr(app, STATE, None)
    return auth if isinstance(auth, Auth) else None


def auth_of(connection: HTTPConnection) -> Auth:
    """The Auth that was installed into the application. Raises Misconfigured when there is none."""
    auth: Auth | None = getattr(connection.scope["app"], STATE, None)
    if auth is None:
        raise Misconfigured(
            "This application has no Auth. Call install(app, auth) on the application that has this route."
        )
    return auth


def cookie_name(auth: Auth, name: str) -> str:
    """The cookie's name; its prefix makes browsers insist on Secure and on this host, unless it is plain http."""
    return f"__Host-{name}" if auth.settings.secure_cookies else name


def authorization(connection: HTTPConnection) -> bytes:
    """The Authorization header, empty when there is none. Raises Unauthenticated for two of them."""
    given: bytes = b""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            if given:
                raise Unauthenticated
            given = value
    return given


def credentials(connection: HTTPConnection, scheme: str) -> str | None:
    """What follows the scheme in the Authorization header; None without one. Raises Unauthenticated for two of them."""
    found, _, rest = authorization(connection).decode("latin-1").partition(" ")
    return rest.strip() if found.lower() == scheme else None


def refuse_cross_site(connection: HTTPConnection, auth: Auth) -> None:
    """Raises CrossSite when a page of another site sent this (OWASP: Fetch metadata first, then Origin)."""
    given = connection.headers.get("origin")
    origin = None if given is None else hosts.origin(hosts.decoded(given))
    if origin is not None and origin in auth.settings.allowed_origins:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSite
    elif given is not None and (origin is None or origin not in _own_origins(connection, auth)):
        raise CrossSite


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


def has_credentials(connection: HTTPConnection) -> bool:
    """Whether a request comes with an access token or the cookie of a session, good or not."""
    auth = auth_of(connection)
    has_cookie = cookie_name(auth, SESSION_COOKIE) in connection.cookies
    return has_cookie or credentials(connection, "bearer") is not None


def client_of(connection: HTTPConnection) -> Client:
    """Who sends the request. Forwarded addresses count only from trusted proxies, right to left."""
    agent = connection.headers.get("user-agent")
    shown = None if agent is None else HIDDEN.sub("?", agent[:400])
    asked = connection.headers.get("accept-language")
    language = None if asked is None else auth_of(connection).texts.choose(None, asked)
    return Client(_address(connection), shown, connection.scope.get("fam_auth.request_id"), language)


def language_of(connection: HTTPConnection) -> str:
    """The language to answer in: the one that the user has chosen, where it is known by now, else the browser's."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    locale = None if known is None else known[1].locale
    return auth_of(connection).texts.choose(locale, connection.headers.get("accept-language"))


def inline(look: Callable[..., Result]) -> Callable[..., Awaitable[Result]]:
    """A dependency that waits for nothing, without the thread that FastAPI would run it in."""

    @wraps(look)
    async def looked(*args: Any, **kwargs: Any) -> Result:
        return look(*args, **kwargs)

    return looked


class SignedIn:
    """The one dependency that guards a route: it resolves everything itself, as every further one costs a tenth.

    It is no SecurityBase, which FastAPI looks at for longer than we do; the document tells of it all the same
    (routers/openapi.py).
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


class _PerhapsSignedIn(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> None:  # type: ignore[override]
        """Somebody is signed in, or comes with the token of a login under way, which the route judges."""
        auth = auth_of(connection)
        if has_credentials(connection):
            await signed_in(connection)
        elif credentials(connection, "login") is None and cookie_name(auth, LOGIN_COOKIE) not in connection.cookies:
            raise Unauthenticated


class _TheActor(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> Actor:  # type: ignore[override]
        return await actor_of(connection)


class _TheSession(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> Session:  # type: ignore[override]
        return (await signed_in(connection))[0]


class _TheUser(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> User:  # type: ignore[override]
        return (await signed_in(connection))[1]


async def is_public() -> None:
    """For routes that are meant for everybody."""


class Needs:
    """What `dependencies=[...]` of a route takes: `needs(...)` for people signed in, `needs.public` for everybody."""

    def __call__(self, *demands: Demand) -> Any:
        """Somebody is signed in and meets every demand."""
        return Depends(SignedIn(*demands))

    @property
    def public(self) -> Any:
        """Nobody needs to be signed in; it says to `fam-auth routes --check` that this is meant."""
        return Depends(is_public)


needs = Needs()
PERHAPS_SIGNED_IN = Depends(_PerhapsSignedIn())
CurrentActor = Annotated[Actor, Depends(_TheActor())]
CurrentAuth = Annotated[Auth, Depends(inline(auth_of))]
CurrentClient = Annotated[Client, Depends(inline(client_of))]
CurrentLanguage = Annotated[str, Depends(inline(language_of))]
# The scope is said because FastAPI would find it out at each request.
CurrentSession = Annotated[Session, Depends(_TheSession(), scope="request")]
CurrentUser = Annotated[User, Depends(_TheUser(), scope="request")]


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


def _own_origins(connection: HTTPConnection, auth: Auth) -> set[str | None]:
    """The public address; on a developer's machine whatever address the request came to. None is no origin."""
    public = hosts.split(auth.settings.public_url or "")
    own: set[str | None] = {public[0] if public else None}
    if auth.settings.is_development:
        scheme = connection.url.scheme.replace("ws", "http", 1)
        own.add(hosts.origin(hosts.decoded(f"{scheme}://{connection.url.netloc}")))
    return own


def _address(connection: HTTPConnection) -> str | None:
    """The first address, from the right, that is not one of our proxies; None when the socket has none."""
    peer, sent = connection.client, connection.headers.getlist("x-forwarded-for")
    # No connection comes from port 0: uvicorn sets it where it has taken the address from the header.
    if sent and peer is not None and peer.host and not peer.port:
        forwarded.warn(forwarded.REWRITTEN)
    found = forwarded.client(peer.host if peer else "", sent, auth_of(connection).settings.trusted_proxies)
    return None if found is None else str(found)
