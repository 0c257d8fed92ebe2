"""What a request to sign in brings beside its body: who comes, the login under way, the registration it shows."""

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
    """Who comes to sign in, with what the request has beside its body; the transport is the default one."""
    auth = auth_of(connection)
    device = connection.cookies.get(cookie_name(auth, DEVICE_COOKIE))
    return Visit(client_of(connection), auth.settings.transports[0], login_token_of(connection), device)


def chosen(auth: Auth, transport: Transport | None) -> Transport:
    """The transport asked for, or the default one. Raises InvalidRequest for one that is not allowed."""
    allowed = auth.settings.transports
    if transport is None:
        return allowed[0]
    if transport not in allowed:
        raise InvalidRequest.of(
            "transport", "not_allowed", Message("errors.transport_not_allowed", {"allowed": ", ".join(allowed)})
        )
    return transport


async def maybe_login_token(connection: HTTPConnection) -> str | None:
    """For routes that go on with a login under way, and those that may begin one."""
    return login_token_of(connection)


async def same_site(connection: HTTPConnection) -> None:
    """For routes that begin a session: no other site may."""
    refuse_cross_site(connection, auth_of(connection))


async def registration_proof(connection: HTTPConnection, given: OfRegistration) -> RegistrationProof:
    """What a request shows of a registration: in its body, by its cookie, a login past its first factor, or a session.

    There is a session before the address is verified only where that is not required.
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
