"""The user of the session."""

from fam_auth.dependencies import CurrentAuth, CurrentClient, CurrentUser
from fam_auth.exceptions import CrossSite, Unauthenticated
from fam_auth.repository.data_access.managers import users
from fam_auth.routers import new_router
from fam_auth.routers.problems import refuses
from fam_auth.schemas.user import UserAnswer, UserChange

router = new_router("user")


@router.get("/me", responses=refuses(Unauthenticated))
async def get_me(user: CurrentUser) -> UserAnswer:
    """The user who is signed in."""
    return UserAnswer.model_validate(user)


@router.patch("/me", responses=refuses(Unauthenticated, CrossSite))
async def change_me(auth: CurrentAuth, user: CurrentUser, client: CurrentClient, body: UserChange) -> UserAnswer:
    """Changes name and language; what is left out stays as it is."""
    changed = await users.change(auth, user.id, body.model_dump(exclude_unset=True), client)
    return UserAnswer.model_validate(changed)
