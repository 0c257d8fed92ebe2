"""The password's routes."""

from typing import Annotated

from fastapi import Form, Response, status

from fam_auth.dependencies import CurrentAuth, CurrentClient
from fam_auth.exceptions import (
    Busy,
    CrossSite,
    InvalidCredentials,
    SecondFactorRequired,
    TooManyAttempts,
)
from fam_auth.feature import Complete
from fam_auth.features.password import managers
from fam_auth.features.password.schemas import (
    Candidate,
    Credentials,
    Judgement,
    PendingVerification,
    Registration,
    SomePassword,
)
from fam_auth.routers import new_router
from fam_auth.routers.answers import MaybeLoginToken, SameSite, chosen, login_answer, tokens_answer
from fam_auth.routers.problems import refuses
from fam_auth.schemas.base import EmailAddress
from fam_auth.schemas.login import CompleteAnswer, IncompleteAnswer
from fam_auth.schemas.session import TokensAnswer
from fam_auth.values import Visit

router = new_router("password")
token_router = new_router("password")


@router.post(
    "/register",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[SameSite],
    responses={201: {"model": CompleteAnswer | IncompleteAnswer}, **refuses(CrossSite, Busy)},
)
async def register(
    auth: CurrentAuth,
    client: CurrentClient,
    response: Response,
    body: Registration,
) -> PendingVerification | CompleteAnswer | IncompleteAnswer:
    """Registers an account. The answer is the same for a known address; the mailbox tells the difference.

    Where addresses need no verification (a setting), it is 201 and a session.
    """
    if auth.settings.email_verification:
        await managers.register(auth, body.email, body.password, body.name, client)
        return PendingVerification()
    response.status_code = status.HTTP_201_CREATED
    visit = Visit(client, chosen(auth, body.transport))
    return login_answer(auth, response, await managers.register_and_sign_in(auth, body, visit))


@router.post("/login", dependencies=[SameSite], responses=refuses(InvalidCredentials, TooManyAttempts, CrossSite, Busy))
async def login(
    auth: CurrentAuth,
    client: CurrentClient,
    token: MaybeLoginToken,
    response: Response,
    body: Credentials,
) -> CompleteAnswer | IncompleteAnswer:
    """Signs in by address and password: complete, or incomplete with what is still lacking.

    With the login token of a step-up, it is the first factor of that.
    """
    visit = Visit(client, chosen(auth, body.transport), token)
    return login_answer(auth, response, await managers.login(auth, body.email, body.password, visit))


@router.post("/password/check", responses=refuses())
async def check_password(auth: CurrentAuth, body: Candidate) -> Judgement:
    """Says whether a password would be accepted, for forms that answer while one types."""
    reasons = managers.judged(auth, body.password)
    return Judgement(acceptable=not reasons, reasons=reasons)


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
    """The password form of OAuth2, for the Authorize button of /docs. It cannot ask for a second factor."""
    outcome = await managers.login(auth, username, password, Visit(client, "bearer"))
    if not isinstance(outcome, Complete) or outcome.tokens is None:
        raise SecondFactorRequired
    return tokens_answer(outcome.tokens)
