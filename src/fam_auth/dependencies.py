"""What a route asks for: CurrentUser, CurrentSession, CurrentAuth, needs(...)."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import CrossSite, Forbidden, Misconfigured, StepUpRequired, Unauthenticated
from fam_auth.repository.data_access.managers import sessions
from fam_auth.values import Actor, Client, Session, User

STATE = "fam_auth"
SAFE = {"GET", "HEAD", "OPTIONS"}
SESSION_COOKIE, LOGIN_COOKIE, DEVICE_COOKIE = "fam_session", "fam_login", "fam_device"


def auth_of(connection: HTTPConnection) -> Auth:
    """The Auth that was installed into the application. Raises Misconfigured when there is none."""
    auth = getattr(connection.app.state, STATE, None)
    if not isinstance(auth, Auth):
        raise Misconfigured("This application has no Auth: call install(app, auth) on the application of this route.")
    return auth


def cookie_name(auth: Auth, name: str) -> str:
    """The cookie's name; its prefix makes browsers insist on Secure and on this host, unless it is plain http."""
    return f"__Host-{name}" if auth.settings.secure_cookies else name


def credentials(connection: HTTPConnection, scheme: str) -> str | None:
    """What follows the scheme in the Authorization header; None without one. Raises Unauthenticated for two of them."""
    values = connection.headers.getlist("authorization")
    if len(values) > 1:
        raise Unauthenticated
    found, _, rest = (values or [""])[0].partition(" ")
    return rest.strip() if found.lower() == scheme else None


def refuse_cross_site(connection: HTTPConnection, auth: Auth) -> None:
    """Raises CrossSite when a page of another site sent this (OWASP: Fetch metadata first, then Origin)."""
    origin = connection.headers.get("origin")
    if origin is not None and origin in auth.settings.allowed_origins:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSite
    elif origin is not None and origin not in _own_origins(connection, auth):
        raise CrossSite


async def signed_in(connection: HTTPConnection) -> tuple[Session, User]:
    """The session and the user of a request, looked up once per request. Raises Unauthenticated and CrossSite."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    if known is None:
        auth = auth_of(connection)
        token = credentials(connection, "bearer")
        if token is not None and "bearer" in auth.settings.transports:
            known = await sessions.current(auth, token, "bearer")
        else:
            known = await _by_cookie(connection, auth)
        connection.scope[STATE] = known
    return known


async def actor_of(connection: HTTPConnection) -> Actor:
    """Who does something, signed in. Raises Unauthenticated and CrossSite."""
    return Actor(client_of(connection), (await signed_in(connection))[1].id)


def has_credentials(connection: HTTPConnection) -> bool:
    """Whether a request comes with an access token or the cookie of a session, good or not."""
    auth = auth_of(connection)
    has_cookie = cookie_name(auth, SESSION_COOKIE) in connection.cookies
    return has_cookie or credentials(connection, "bearer") is not None


def client_of(connection: HTTPConnection) -> Client:
    """Who sends the request. Forwarded addresses count only from trusted proxies, right to left."""
    agent = connection.headers.get("user-agent")
    return Client(_address(connection), agent and agent[:400], connection.scope.get("fam_auth.request_id"))


class Demand(Protocol):
    """What a route asks of a session beyond its being there."""

    def check(self, session: Session, connection: HTTPConnection) -> None:
        """Raises a refusal when the session does not have it; the request tells, say, which project it is about."""


@dataclass(frozen=True, slots=True)
class Assurance:
    """A proof of this level, the newest not older than `within`; None: of any age."""

    level: str
    within: timedelta | None

    def check(self, session: Session, connection: HTTPConnection) -> None:
        now = auth_of(connection).now()
        newest = max(proof.at for proof in session.proofs)
        stale = self.within is not None and newest < now - self.within
        if stale or session.assurance < self.level:
            raise StepUpRequired(assurance=self.level, within=self.within)


@dataclass(frozen=True, slots=True)
class Permitted:
    """The claims of the session hold this permission, such as `users:read`."""

    permission: str

    def check(self, session: Session, connection: HTTPConnection) -> None:
        del connection
        if self.permission not in session.claims.get("permissions", ()):
            raise Forbidden


def permission(name: str) -> Demand:
    """Some feature gives the user this permission, for everything and not for one scope alone."""
    return Permitted(name)


def second_factor(within: timedelta | None = None) -> Demand:
    """The session rests on two factors, the newest proof not older than `within`."""
    return Assurance("aal2", within)


def recent_proof(within: timedelta = timedelta(minutes=10)) -> Demand:
    """The user has proved who they are not longer ago than `within`."""
    return Assurance("aal1", within)


class SignedIn(SecurityBase):
    """The one dependency that guards a route: it resolves everything itself, as every further one costs a tenth."""

    model = HTTPBearer(description="The access token of a login with the bearer transport.")
    scheme_name = "bearer"

    def __init__(self, *demands: Demand) -> None:
        self.demands = demands

    async def __call__(self, connection: HTTPConnection) -> tuple[Session, User]:
        session, user = await signed_in(connection)
        for demand in self.demands:
            demand.check(session, connection)
        return session, user


class _TheSession(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> Session:  # type: ignore[override]
        return (await signed_in(connection))[0]


class _TheUser(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> User:  # type: ignore[override]
        return (await signed_in(connection))[1]


def needs(*demands: Demand) -> Any:
    """A dependency for `dependencies=[...]`: somebody is signed in and meets every demand."""
    return Depends(SignedIn(*demands))


CurrentActor = Annotated[Actor, Depends(actor_of)]
CurrentAuth = Annotated[Auth, Depends(auth_of)]
CurrentClient = Annotated[Client, Depends(client_of)]
CurrentSession = Annotated[Session, Depends(_TheSession())]
CurrentUser = Annotated[User, Depends(_TheUser())]


async def _by_cookie(connection: HTTPConnection, auth: Auth) -> tuple[Session, User]:
    token = connection.cookies.get(cookie_name(auth, SESSION_COOKIE))
    if token is None or "cookie" not in auth.settings.transports:
        raise Unauthenticated
    if connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE:
        refuse_cross_site(connection, auth)
    return await sessions.current(auth, token, "cookie")


def _own_origins(connection: HTTPConnection, auth: Auth) -> set[str]:
    """The public address; on a developer's machine whatever address the request came to."""
    public = urlsplit(auth.settings.public_url or "")
    own = {f"{public.scheme}://{public.netloc}"}
    if auth.settings.is_development:
        scheme = connection.url.scheme.replace("ws", "http", 1)
        own.add(f"{scheme}://{connection.url.netloc}")
    return own


def _address(connection: HTTPConnection) -> str | None:
    """The first address, from the right, that is not one of our proxies; None when the socket has none."""
    peer = _ip(connection.client.host if connection.client else "")
    trusted = auth_of(connection).settings.trusted_proxies
    hops = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    while peer is not None and hops and any(peer in network for network in trusted if network.version == peer.version):
        further = _ip(hops.pop().strip())
        if further is None:
            break
        peer = further
    return None if peer is None else str(peer)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
