"""The proof that an address is its user's, and the change to another."""

from fastapi import Request, Response, status

from fam_auth.demands import recent_proof
from fam_auth.dependencies import CurrentAuth, CurrentClient, CurrentSession, needs
from fam_auth.exceptions import (
    Busy,
    CrossSite,
    InvalidCode,
    InvalidCredentials,
    InvalidLoginToken,
    InvalidToken,
    PasswordRequired,
    StepUpRequired,
    TooManyAttempts,
    Unauthenticated,
)
from fam_auth.http.cookies import forget_cookie
from fam_auth.http.credentials import REGISTRATION_COOKIE
from fam_auth.http.login_request import MaybeLoginToken, SameSite, registration_proof
from fam_auth.http.login_response import login_answer
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import emails, logins, verifications
from fam_auth.schemas.login import Verified, VerifiedAnswer
from fam_auth.schemas.user import Accepted, ByToken, Mailbox, UserAnswer, VerifyByCode, VerifyByToken

router = new_router("email")


@router.post(
    "/email/verify",
    dependencies=[SameSite],
    responses=refuses(
        InvalidToken,
        InvalidCode,
        PasswordRequired,
        InvalidCredentials,
        InvalidLoginToken,
        TooManyAttempts,
        CrossSite,
        Busy,
    ),
)
async def verify_email(  # noqa: PLR0913, PLR0917 - FastAPI hands over each part of a request
    auth: CurrentAuth,
    client: CurrentClient,
    request: Request,
    token: MaybeLoginToken,
    response: Response,
    body: VerifyByToken | VerifyByCode,
) -> VerifiedAnswer:
    """Verifies an address by the token or the code of its mail. A login under way of the same user goes on.

    A registration comes into force only for who made it: send its token (or its cookie) or its password along, or the
    token of a login under way.
    """
    proof = await registration_proof(request, body)
    if isinstance(body, VerifyByToken):
        user = await verifications.verify(auth, body.token, proof, client)
    else:
        user = await verifications.verify_by_code(auth, body.email, body.code, proof, client)
    forget_cookie(auth, response, REGISTRATION_COOKIE)
    if token is None or await logins.user_of(auth, token) != user.id:
        return Verified()
    return login_answer(auth, response, await logins.prove(auth, token, None, client))


@router.post(
    "/email/resend",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[SameSite],
    responses=refuses(TooManyAttempts, CrossSite),
)
async def resend_verification(auth: CurrentAuth, client: CurrentClient, body: Mailbox) -> Accepted:
    """Sends the verification mail again; the answer is the same for every address."""
    await emails.resend(auth, body.email, client)
    return Accepted()


@router.post(
    "/email/change",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[needs(recent_proof())],
    responses=refuses(Unauthenticated, StepUpRequired, TooManyAttempts, CrossSite),
)
async def change_email(auth: CurrentAuth, session: CurrentSession, client: CurrentClient, body: Mailbox) -> Accepted:
    """Asks the new address to confirm, and tells the present one; the answer is the same for every address.

    The change is void once the session has ended, or the password or a second factor was changed.
    """
    await emails.change(auth, session, body.email, client)
    return Accepted()


@router.post("/email/confirm", dependencies=[SameSite], responses=refuses(InvalidToken, CrossSite))
async def confirm_email(auth: CurrentAuth, client: CurrentClient, body: ByToken) -> UserAnswer:
    """The address that the mail went to is the user's from now on."""
    return UserAnswer.model_validate(await emails.confirm(auth, body.token, client))


@router.post("/email/undo", dependencies=[SameSite], responses=refuses(InvalidToken, CrossSite))
async def undo_email(auth: CurrentAuth, client: CurrentClient, body: ByToken) -> Accepted:
    """Takes "this was not me" at its word: the old address is back, the password void, and everybody signed out.

    With the token of a verification mail, the account that was registered is deleted.
    """
    await emails.undo(auth, body.token, client)
    return Accepted()
