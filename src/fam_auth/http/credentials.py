"""The credentials of a request (cookies, Authorization header), and protection against cross-site requests."""

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.core import hosts
from fam_auth.exceptions import CrossSite, Unauthenticated
from fam_auth.http.installed import auth_of

SAFE = {"GET", "HEAD", "OPTIONS"}
SESSION_COOKIE, LOGIN_COOKIE, DEVICE_COOKIE = "fam_session", "fam_login", "fam_device"
REGISTRATION_COOKIE = "fam_registration"


def cookie_name(auth: Auth, name: str) -> str:
    """The name of a cookie. Over https it has the prefix `__Host-`: a subdomain can then not set or read it."""
    return f"__Host-{name}" if auth.settings.secure_cookies else name


def authorization(connection: HTTPConnection) -> bytes:
    """The Authorization header, empty when it is missing. Raises Unauthenticated when there are two."""
    given: bytes = b""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            if given:
                raise Unauthenticated
            given = value
    return given


def credentials(connection: HTTPConnection, scheme: str) -> str | None:
    """The credentials of this scheme in the Authorization header; None when it has another scheme or is missing.

    `scheme` is in lower case. Raises Unauthenticated when there are two headers.
    """
    found, _, rest = authorization(connection).decode("latin-1").partition(" ")
    return rest.strip() if found.lower() == scheme else None


def refuse_cross_site(connection: HTTPConnection, auth: Auth) -> None:
    """Raises CrossSite when a page of another site sent the request.

    OWASP's CSRF cheat sheet: Sec-Fetch-Site decides where the browser sends it, and Origin where not. A request with
    neither header is from no current browser. Origins in `allowed_origins` always pass.
    """
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
    """Whether a request has an access token or a session cookie, valid or not."""
    auth = auth_of(connection)
    has_cookie = cookie_name(auth, SESSION_COOKIE) in connection.cookies
    return has_cookie or credentials(connection, "bearer") is not None


def login_token_of(connection: HTTPConnection) -> str | None:
    """The token of the login in progress, from `Authorization: Login` or the cookie; None without either.

    Raises CrossSite for the cookie, and Unauthenticated for two Authorization headers.
    """
    auth = auth_of(connection)
    token = credentials(connection, "login")
    if token is None:
        token = connection.cookies.get(cookie_name(auth, LOGIN_COOKIE))
        if token is not None and connection.scope["method"] not in SAFE:
            refuse_cross_site(connection, auth)
    return token


def _own_origins(connection: HTTPConnection, auth: Auth) -> set[str | None]:
    """The origin of the public URL; in development also the one the request was sent to.

    Not in production: there the Host header, which the client chooses, must not decide what is our own site. None in
    the set never matches an origin.
    """
    public = hosts.split(auth.settings.public_url or "")
    own: set[str | None] = {public[0] if public else None}
    if auth.settings.is_development:
        scheme = connection.url.scheme.replace("ws", "http", 1)
        own.add(hosts.origin(hosts.decoded(f"{scheme}://{connection.url.netloc}")))
    return own
