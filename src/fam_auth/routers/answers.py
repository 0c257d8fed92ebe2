"""Outcomes of a login become answers, with their cookies."""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Response
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.dependencies import (
    DEVICE_COOKIE,
    LOGIN_COOKIE,
    REGISTRATION_COOKIE,
    SAFE,
    SESSION_COOKIE,
    CurrentAuth,
    auth_of,
    client_of,
    cookie_name,
    credentials,
    has_credentials,
    inline,
    refuse_cross_site,
    signed_in,
)
from fam_auth.exceptions import InvalidRequest, Said, Unauthenticated
from fam_auth.feature import Complete, Incomplete, Outcome
from fam_auth.repository.data_access.managers import logins
from fam_auth.schemas.login import CompleteAnswer, IncompleteAnswer, StepAnswer
from fam_auth.schemas.session import SessionAnswer, TokensAnswer
from fam_auth.schemas.user import OfRegistration, UserAnswer
from fam_auth.values import RegistrationProof, Tokens, Transport, Visit


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
            "transport", "not_allowed", Said("errors.transport_not_allowed", {"allowed": ", ".join(allowed)})
        )
    return transport


def login_answer(auth: Auth, response: Response, outcome: Outcome) -> CompleteAnswer | IncompleteAnswer:
    """The answer to a step of a login; with the cookie transport nothing secret is in it."""
    if isinstance(outcome, Incomplete):
        return incomplete_answer(auth, response, outcome)
    return _complete(auth, response, outcome)


def incomplete_answer(auth: Auth, response: Response, outcome: Incomplete) -> IncompleteAnswer:
    """What is lacking, and the token for the next step: in the body, or in its cookie."""
    by_cookie = outcome.transport == "cookie"
    if by_cookie:
        seconds = int((outcome.expires_at - auth.now()).total_seconds())
        set_cookie(auth, response, LOGIN_COOKIE, outcome.login_token, seconds)
    return IncompleteAnswer(
        login_token=None if by_cookie else outcome.login_token,
        expires_at=outcome.expires_at,
        next=[StepAnswer.model_validate({"step": step.name, **step.detail}) for step in outcome.next],
    )


def tokens_answer(tokens: Tokens) -> TokensAnswer:
    """The tokens of a bearer client."""
    return TokensAnswer(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
    )


def set_cookie(auth: Auth, response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie no script reads and no other site's form sends."""
    secure = auth.settings.secure_cookies
    response.set_cookie(cookie_name(auth, name), value, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def login_token_of(connection: HTTPConnection) -> str | None:
    """The token of the login under way, from `Authorization: Login` or the cookie; None without either."""
    auth = auth_of(connection)
    token = credentials(connection, "login")
    if token is None:
        token = connection.cookies.get(cookie_name(auth, LOGIN_COOKIE))
        if token is not None and connection.scope["method"] not in SAFE:
            refuse_cross_site(connection, auth)
    return token


async def maybe_login_token(connection: HTTPConnection) -> str | None:
    """For routes that go on with a login under way, and those that may begin one."""
    return login_token_of(connection)


def forget_cookie(auth: Auth, response: Response, name: str) -> None:
    """The browser drops the cookie."""
    response.delete_cookie(cookie_name(auth, name), path="/", secure=auth.settings.secure_cookies, httponly=True)


async def same_site(connection: HTTPConnection, auth: CurrentAuth) -> None:
    """For routes that begin a session: no other site may."""
    refuse_cross_site(connection, auth)


def keep_registration(auth: Auth, response: Response, token: str) -> None:
    """The browser shows the token of its registration when the address is verified."""
    seconds = auth.settings.unverified_lifetime // timedelta(seconds=1)
    set_cookie(auth, response, REGISTRATION_COOKIE, token, seconds)


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


def _complete(auth: Auth, response: Response, outcome: Complete) -> CompleteAnswer:
    by_cookie = outcome.cookie is not None
    if outcome.cookie is not None:
        known = auth.settings.device_lifetime // timedelta(seconds=1)
        set_cookie(auth, response, DEVICE_COOKIE, outcome.device_token, known)
        seconds = int((outcome.session.expires_at - auth.now()).total_seconds())
        set_cookie(auth, response, SESSION_COOKIE, outcome.cookie, seconds)
        forget_cookie(auth, response, LOGIN_COOKIE)
    return CompleteAnswer(
        user=UserAnswer.model_validate(outcome.user),
        session=SessionAnswer.model_validate(outcome.session),
        tokens=None if outcome.tokens is None else tokens_answer(outcome.tokens),
        device_token=None if by_cookie else outcome.device_token,
    )
