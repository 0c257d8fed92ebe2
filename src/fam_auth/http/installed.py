"""The Auth that was installed into an application, and how a request finds it."""

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import Misconfigured

STATE = "fam_auth"


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
