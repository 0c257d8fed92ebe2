"""What a sign-in request contains besides its body: the client, a login in progress, a registration token."""

from contextlib import suppress
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import InvalidRequest, Message, Unauthenticated
from fam_auth.http.authentication import signed_in
from fam_auth.http.client import client_of
from fam_auth.http.credentials import (
    DEVICE_COOKIE,
    REGISTRATION_COOKIE,
    cookie_name,
    has_credentials,
    login_token_of,
    refuse_cross_site,
)
from fam_auth.http.inline import inline
from fam_auth.http.installed import auth_of
from fam_auth.repository.data_access.managers import logins
from fam_auth.schemas.user import OfRegistration
from fam_auth.values import RegistrationProof, Transport, Visit


def arrival(connection: HTTPConnection) -> Visit:
    """The context of a sign-in, from headers and cookies, with the default transport."""
    auth = auth_of(connection)
    device = connection.cookies.get(cookie_name(auth, DEVICE_COOKIE))
    return Visit(client_of(connection), auth.settings.transports[0], login_token_of(connection), device)


def chosen(auth: Auth, transport: Transport | None) -> Transport:
    """The requested transport, or the default for None. Raises InvalidRequest for one that is not allowed."""
    allowed = auth.settings.transports
    if transport is None:
        return allowed[0]
    if transport not in allowed:
        raise InvalidRequest.of(
            "transport", "not_allowed", Message("errors.transport_not_allowed", {"allowed": ", ".join(allowed)})
        )
    return transport


async def maybe_login_token(connection: HTTPConnection) -> str | None:
    """A dependency: the token of the login in progress, or None. Raises CrossSite and Unauthenticated."""
    return login_token_of(connection)


async def same_site(connection: HTTPConnection) -> None:
    """A dependency for routes that may create a session. Raises CrossSite.

    Otherwise another site could sign a visitor in to the attacker's account (login CSRF).
    """
    refuse_cross_site(connection, auth_of(connection))


async def registration_proof(connection: HTTPConnection, given: OfRegistration) -> RegistrationProof:
    """What the request shows that it comes from the person who registered.

    That is a token or password in the body, the registration cookie, a login in progress, or a session. A session
    counts only where users may sign in before they verify their address.
    """
    auth = auth_of(connection)
    cookie = connection.cookies.get(cookie_name(auth, REGISTRATION_COOKIE))
    user_id = await logins.user_of(auth, login_token_of(connection))
    if user_id is None and has_credentials(connection):
        with suppress(Unauthenticated):
            user_id = (await signed_in(connection))[1].id
    return RegistrationProof(given.registration_token or cookie, given.password, user_id)


MaybeLoginToken = Annotated[str | None, Depends(maybe_login_token)]
Arrival = Annotated[Visit, Depends(inline(arrival))]
SameSite = Depends(same_site)
