"""The credentials of a request: cookies, the Authorization header, and whether another site sent it."""

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.core import hosts
from fam_auth.exceptions import CrossSite, Unauthenticated
from fam_auth.http.installed import auth_of

SAFE = {"GET", "HEAD", "OPTIONS"}
SESSION_COOKIE, LOGIN_COOKIE, DEVICE_COOKIE = "fam_session", "fam_login", "fam_device"
REGISTRATION_COOKIE = "fam_registration"


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


def has_credentials(connection: HTTPConnection) -> bool:
    """Whether a request comes with an access token or the cookie of a session, good or not."""
    auth = auth_of(connection)
    has_cookie = cookie_name(auth, SESSION_COOKIE) in connection.cookies
    return has_cookie or credentials(connection, "bearer") is not None


def login_token_of(connection: HTTPConnection) -> str | None:
    """The token of the login under way, from `Authorization: Login` or the cookie; None without either."""
    auth = auth_of(connection)
    token = credentials(connection, "login")
    if token is None:
        token = connection.cookies.get(cookie_name(auth, LOGIN_COOKIE))
        if token is not None and connection.scope["method"] not in SAFE:
            refuse_cross_site(connection, auth)
    return token


def _own_origins(connection: HTTPConnection, auth: Auth) -> set[str | None]:
    """The public address; on a developer's machine whatever address the request came to. None is no origin."""
    public = hosts.split(auth.settings.public_url or "")
    own: set[str | None] = {public[0] if public else None}
    if auth.settings.is_development:
        scheme = connection.url.scheme.replace("ws", "http", 1)
        own.add(hosts.origin(hosts.decoded(f"{scheme}://{connection.url.netloc}")))
    return own
