"""The proof that an address is its user's, and the change to another."""

from fastapi import Response, status

from fam_auth.demands import recent_proof
from fam_auth.dependencies import CurrentAuth, CurrentClient, CurrentUser, needs
from fam_auth.exceptions import CrossSite, InvalidCode, InvalidToken, StepUpRequired, TooManyAttempts, Unauthenticated
from fam_auth.repository.data_access.managers import emails, logins
from fam_auth.routers import new_router
from fam_auth.routers.answers import MaybeLoginToken, SameSite, login_answer
from fam_auth.routers.problems import refuses
from fam_auth.schemas.login import Verified, VerifiedAnswer
from fam_auth.schemas.user import Accepted, ByToken, Mailbox, UserAnswer, VerifyByCode

router = new_router("email")


@router.post(
    "/email/verify", dependencies=[SameSite], responses=refuses(InvalidToken, InvalidCode, Unauthenticated, CrossSite)
)
async def verify_email(
    auth: CurrentAuth,
    client: CurrentClient,
    token: MaybeLoginToken,
    response: Response,
    body: ByToken | VerifyByCode,
) -> VerifiedAnswer:
    """Verifies an address by the token or the code of its mail. A login under way of the same user goes on."""
    if isinstance(body, ByToken):
        user = await emails.verify(auth, body.token, client)
    else:
        user = await emails.verify_by_code(auth, body.email, body.code, client)
    login = await logins.under_way(auth, token)
    if token is None or login is None or login.user_id != user.id:
        return Verified()
    return login_answer(auth, response, await logins.prove(auth, token, None, client))


@router.post(
    "/email/resend", status_code=status.HTTP_202_ACCEPTED, dependencies=[SameSite], responses=refuses(CrossSite)
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
async def change_email(auth: CurrentAuth, user: CurrentUser, client: CurrentClient, body: Mailbox) -> Accepted:
    """Asks the new address to confirm, and tells the present one; the answer is the same for every address."""
    await emails.change(auth, user, body.email, client)
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
