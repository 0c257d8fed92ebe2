"""Routes for a login in progress."""

from fastapi import Response, status

from fam_auth.dependencies import CurrentAuth
from fam_auth.exceptions import CrossSite, NoLogin, Unauthenticated
from fam_auth.http.cookies import forget_cookie
from fam_auth.http.credentials import LOGIN_COOKIE
from fam_auth.http.login_request import MaybeLoginToken
from fam_auth.http.login_response import incomplete_answer
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import logins
from fam_auth.schemas.login import IncompleteAnswer

router = new_router("login")


@router.get("/login", responses=refuses(NoLogin, Unauthenticated))
async def get_login(auth: CurrentAuth, token: MaybeLoginToken, response: Response) -> IncompleteAnswer:
    """Get the remaining steps of the login in progress."""
    if token is None:
        raise NoLogin
    return incomplete_answer(auth, response, await logins.standing(auth, token))


@router.delete("/login", status_code=status.HTTP_204_NO_CONTENT, responses=refuses(CrossSite, Unauthenticated))
async def abandon_login(auth: CurrentAuth, token: MaybeLoginToken, response: Response) -> None:
    """Abandon the login in progress. Its token becomes invalid."""
    if token is not None:
        await logins.abandon(auth, token)
    forget_cookie(auth, response, LOGIN_COOKIE)
