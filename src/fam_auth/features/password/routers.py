"""The password's routes."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response, status
from pydantic import BaseModel

from fam_auth.core import refusals
from fam_auth.dependencies import PERHAPS_SIGNED_IN, CurrentActor, CurrentAuth, CurrentClient, CurrentLanguage, needs
from fam_auth.exceptions import (
    Busy,
    CrossSite,
    Forbidden,
    InvalidCredentials,
    InvalidLoginToken,
    InvalidToken,
    NotFound,
    SecondFactorRequired,
    StepUpRequired,
    TooManyAttempts,
    Unauthenticated,
)
from fam_auth.features.password import changes, managers
from fam_auth.features.password.schemas import (
    Candidate,
    Change,
    Credentials,
    Invitation,
    Judgement,
    PendingVerification,
    RegisteredAnswer,
    Registration,
    Reset,
    SomePassword,
    own_fields,
    registration,
)
from fam_auth.http.authentication import signed_in
from fam_auth.http.cookies import keep_registration
from fam_auth.http.credentials import has_credentials
from fam_auth.http.login_request import Arrival, SameSite, chosen
from fam_auth.http.login_response import login_answer, tokens_answer
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.pipeline import Complete
from fam_auth.repository.data_access.managers import users
from fam_auth.routers.administration import FRESH, MANAGES_USERS
from fam_auth.schemas.base import EmailAddress
from fam_auth.schemas.login import LoginAnswer
from fam_auth.schemas.session import TokensAnswer
from fam_auth.schemas.user import Accepted, Mailbox, UserItem
from fam_auth.values import Visit

router = new_router("password")
change_router = new_router("password")
admin_router = new_router("administration")
# What each action requires, here and on the pages.
INVITES, MARKS = (MANAGES_USERS,), (MANAGES_USERS, FRESH)
token_router = new_router("password")


def register_router(fields: type[BaseModel] | None) -> APIRouter:
    """The route to register, with `fields` as the application's own fields; None: without any."""

    async def register(auth: CurrentAuth, arrived: Arrival, response: Response, body: Registration) -> RegisteredAnswer:
        """Register an account. The response is the same for an address that is known; only the mail differs.

        Keep the registration token for POST /email/verify. If the settings require no verification, the response is
        201 with a session.
        """
        if auth.settings.email_verification:
            given, transport = own_fields(auth.registration, body), chosen(auth, body.transport)
            made = await managers.register(auth, body.email, body.password, body.name, arrived.client, given=given)
            if transport == "cookie":
                keep_registration(auth, response, made.token)
            return PendingVerification(registration_token=None if transport == "cookie" else made.token)
        response.status_code = status.HTTP_201_CREATED
        visit = replace(arrived, transport=chosen(auth, body.transport), login_token=None)
        return login_answer(auth, response, await managers.register_and_sign_in(auth, body, visit))

    register.__annotations__["body"] = registration(fields)
    made = new_router("password")
    made.post(
        "/register",
        status_code=status.HTTP_202_ACCEPTED,
        dependencies=[SameSite],
        responses={
            201: {"model": LoginAnswer},
            **refuses(CrossSite, TooManyAttempts, Unauthenticated, Busy),
        },
    )(register)
    return made


@router.post(
    "/login",
    dependencies=[SameSite],
    responses=refuses(InvalidCredentials, InvalidLoginToken, TooManyAttempts, CrossSite, Busy),
)
async def login(
    auth: CurrentAuth,
    arrived: Arrival,
    response: Response,
    body: Credentials,
) -> LoginAnswer:
    """Sign in with address and password. The response is complete, or incomplete with the remaining steps.

    With the login token of a step-up, the password is the first factor of the step-up.
    """
    device = body.device_token or arrived.device_token
    visit = replace(arrived, transport=chosen(auth, body.transport), device_token=device)
    return login_answer(auth, response, await managers.login(auth, body.email, body.password, visit))


@router.post("/password/check", dependencies=[needs.public], responses=refuses())
async def check_password(auth: CurrentAuth, language: CurrentLanguage, body: Candidate) -> Judgement:
    """Check whether a password would be accepted, for feedback while the user types."""
    reasons = refusals.errors(auth.texts, language, managers.judged(auth, body.password))
    return Judgement(acceptable=not reasons, reasons=reasons)


@change_router.post(
    "/password/change",
    response_model=None,
    dependencies=[PERHAPS_SIGNED_IN],
    responses={
        200: {"model": LoginAnswer, "description": "The login that waited for it goes on."},
        204: {"description": "The password is changed."},
        **refuses(
            Unauthenticated, StepUpRequired, InvalidCredentials, InvalidLoginToken, TooManyAttempts, CrossSite, Busy
        ),
    },
)
async def change_password(
    auth: CurrentAuth, request: Request, arrived: Arrival, response: Response, body: Change
) -> LoginAnswer | Response:
    """Change your password and end your other sessions.

    A session with a second factor must have been confirmed within the last ten minutes. With the token of a login
    with the step `change_password`, the login continues.
    """
    passwords = changes.Replacement(body.current_password, body.new_password)
    if arrived.login_token is not None and not has_credentials(request):
        return login_answer(auth, response, await changes.change_in_login(auth, passwords, arrived))
    session, user = await signed_in(request)
    await changes.change_own(auth, user, passwords, arrived, session=session)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@change_router.post(
    "/password/forgot",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[SameSite],
    responses=refuses(TooManyAttempts, CrossSite),
)
async def forgot_password(auth: CurrentAuth, client: CurrentClient, body: Mailbox) -> Accepted:
    """Send a password reset link by mail. The response is the same for every address."""
    await changes.forgot(auth, body.email, client)
    return Accepted()


@change_router.post(
    "/password/reset",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[SameSite],
    responses=refuses(InvalidToken, CrossSite, Busy),
)
async def reset_password(auth: CurrentAuth, client: CurrentClient, body: Reset) -> None:
    """Set a new password with the token of the mail, and end all sessions. It does not sign in."""
    await changes.reset(auth, body.token, body.new_password, client)


@admin_router.post(
    "/users/invite",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(*INVITES)],
    responses=refuses(Unauthenticated, Forbidden, CrossSite),
)
async def invite_user(auth: CurrentAuth, actor: CurrentActor, body: Invitation) -> UserItem:
    """Create a user and send them a link to choose a password."""
    return UserItem.model_validate(await changes.invite(auth, body.email, body.name, actor))


@admin_router.post(
    "/users/{user_id}/password/compromised",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*MARKS)],
    responses=refuses(Unauthenticated, StepUpRequired, Forbidden, NotFound, CrossSite),
)
async def mark_password_compromised(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Mark a password as compromised: end the user's sessions, and require a new password at the next login."""
    await changes.compromise(auth, await users.get(auth, user_id), actor)


@token_router.post(
    "/token",
    dependencies=[SameSite],
    responses=refuses(InvalidCredentials, SecondFactorRequired, TooManyAttempts, CrossSite, Busy),
)
async def token(
    auth: CurrentAuth,
    client: CurrentClient,
    username: Annotated[EmailAddress, Form()],
    password: Annotated[SomePassword, Form()],
) -> TokensAnswer:
    """The OAuth2 password form, for the Authorize button of /docs. It cannot ask for a second factor."""
    outcome = await managers.login(auth, username, password, Visit(client, "bearer"))
    if not isinstance(outcome, Complete) or outcome.tokens is None:
        raise SecondFactorRequired
    return tokens_answer(outcome.tokens)
