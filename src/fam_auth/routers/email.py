"""Routes to verify e-mail addresses and to change them."""

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
    """Verify an address with the token or the code of the verification mail.

    Only the person who registered can verify the account. To show that, send one of these as well: the registration
    token (or its cookie), the password, or the token of a login in progress. If a login of the same user is in
    progress, the response is its next step.
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
    """Send the verification mail again. The response is the same for every address."""
    await emails.resend(auth, body.email, client)
    return Accepted()


@router.post(
    "/email/change",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[needs(recent_proof())],
    responses=refuses(Unauthenticated, StepUpRequired, TooManyAttempts, CrossSite),
)
async def change_email(auth: CurrentAuth, session: CurrentSession, client: CurrentClient, body: Mailbox) -> Accepted:
    """Request a change of address: the new address receives a link to confirm it, the old one a notice.

    The response is the same for every address. The request becomes invalid when the session ends, or when the password
    or a second factor changes.
    """
    await emails.change(auth, session, body.email, client)
    return Accepted()


@router.post("/email/confirm", dependencies=[SameSite], responses=refuses(InvalidToken, CrossSite))
async def confirm_email(auth: CurrentAuth, client: CurrentClient, body: ByToken) -> UserAnswer:
    """Confirm a change of address with the token of the mail."""
    return UserAnswer.model_validate(await emails.confirm(auth, body.token, client))


@router.post("/email/undo", dependencies=[SameSite], responses=refuses(InvalidToken, CrossSite))
async def undo_email(auth: CurrentAuth, client: CurrentClient, body: ByToken) -> Accepted:
    """Undo a change of address: restore the old address, invalidate the password, and end all sessions.

    With the token of a verification mail, delete the account that another person registered with the address.
    """
    await emails.undo(auth, body.token, client)
    return Accepted()
