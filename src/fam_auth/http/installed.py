"""Finding the Auth that is installed in an application."""

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import Misconfigured

STATE = "fam_auth"


def installed_in(app: object) -> Auth | None:
    """The Auth that is installed in an application; None when there is none.

    It is an attribute of the application itself, because `app.state` takes far longer to read.
    """
    auth = getattr(app, STATE, None)
    return auth if isinstance(auth, Auth) else None


def auth_of(connection: HTTPConnection) -> Auth:
    """The Auth of the application that handles the request. Raises Misconfigured when there is none."""
    auth: Auth | None = getattr(connection.scope["app"], STATE, None)
    if auth is None:
        raise Misconfigured(
            "This application has no Auth. Call install(app, auth) on the application that has this route."
        )
    return auth
