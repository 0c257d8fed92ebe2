"""The login under way."""

from fastapi import Response, status

from fam_auth.dependencies import LOGIN_COOKIE, CurrentAuth
from fam_auth.exceptions import CrossSite, NoLogin, Unauthenticated
from fam_auth.repository.data_access.managers import logins
from fam_auth.routers import new_router
from fam_auth.routers.answers import MaybeLoginToken, forget_cookie, incomplete_answer
from fam_auth.routers.problems import refuses
from fam_auth.schemas.login import IncompleteAnswer

router = new_router("login")


@router.get("/login", responses=refuses(NoLogin, Unauthenticated))
async def get_login(auth: CurrentAuth, token: MaybeLoginToken, response: Response) -> IncompleteAnswer:
    """Where the login under way stands."""
    if token is None:
        raise NoLogin
    return incomplete_answer(auth, response, await logins.standing(auth, token))


@router.delete("/login", status_code=status.HTTP_204_NO_CONTENT, responses=refuses(CrossSite, Unauthenticated))
async def abandon_login(auth: CurrentAuth, token: MaybeLoginToken, response: Response) -> None:
    """Abandons the login under way."""
    if token is not None:
        await logins.abandon(auth, token)
    forget_cookie(auth, response, LOGIN_COOKIE)
