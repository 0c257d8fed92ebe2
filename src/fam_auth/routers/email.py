"""The proof that an address is its user's."""

from fastapi import Response, status

from fam_auth.dependencies import CurrentAuth, CurrentClient
from fam_auth.exceptions import CrossSite, InvalidCode, InvalidToken, Unauthenticated
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.routers import new_router
from fam_auth.routers.answers import MaybeLoginToken, SameSite, login_answer
from fam_auth.routers.problems import refuses
from fam_auth.schemas.login import CompleteAnswer, IncompleteAnswer, Verified
from fam_auth.schemas.user import Accepted, Resend, VerifyByCode, VerifyByToken

router = new_router("email")


@router.post(
    "/email/verify", dependencies=[SameSite], responses=refuses(InvalidToken, InvalidCode, Unauthenticated, CrossSite)
)
async def verify_email(
    auth: CurrentAuth,
    client: CurrentClient,
    token: MaybeLoginToken,
    response: Response,
    body: VerifyByToken | VerifyByCode,
) -> Verified | CompleteAnswer | IncompleteAnswer:
    """Verifies an address by the token or the code of its mail. A login under way of the same user goes on."""
    if isinstance(body, VerifyByToken):
        user = await users.verify(auth, body.token, client)
    else:
        user = await users.verify_by_code(auth, body.email, body.code, client)
    if token is None or not await logins.is_of(auth, token, user.id):
        return Verified()
    return login_answer(auth, response, await logins.prove(auth, token, None, client))


@router.post(
    "/email/resend", status_code=status.HTTP_202_ACCEPTED, dependencies=[SameSite], responses=refuses(CrossSite)
)
async def resend_verification(auth: CurrentAuth, client: CurrentClient, body: Resend) -> Accepted:
    """Sends the verification mail again; the answer is the same for every address."""
    await users.resend(auth, body.email, client)
    return Accepted()
