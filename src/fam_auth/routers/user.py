"""Routes for the current user: read, change, export and delete the account."""

from fastapi import Response, status

from fam_auth.demands import recent_proof
from fam_auth.dependencies import CurrentActor, CurrentAuth, CurrentClient, CurrentUser, needs
from fam_auth.exceptions import CrossSite, StepUpRequired, Unauthenticated
from fam_auth.http.cookies import forget_cookie
from fam_auth.http.credentials import SESSION_COOKIE
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import exports, users
from fam_auth.schemas.user import Export, UserAnswer, UserChange

router = new_router("user")


@router.get("/me", responses=refuses(Unauthenticated))
async def get_me(user: CurrentUser) -> UserAnswer:
    """Get the current user."""
    return UserAnswer.model_validate(user)


@router.patch("/me", responses=refuses(Unauthenticated, CrossSite))
async def change_me(auth: CurrentAuth, user: CurrentUser, client: CurrentClient, body: UserChange) -> UserAnswer:
    """Change name or language. Fields that are left out stay unchanged."""
    changed = await users.change(auth, user.id, body.model_dump(exclude_unset=True), client)
    return UserAnswer.model_validate(changed)


@router.delete(
    "/me",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(recent_proof())],
    responses=refuses(Unauthenticated, StepUpRequired, CrossSite),
)
async def delete_me(auth: CurrentAuth, user: CurrentUser, actor: CurrentActor, response: Response) -> None:
    """Delete the account of the current user and everything that belongs to it."""
    await users.remove(auth, user.id, actor)
    forget_cookie(auth, response, SESSION_COOKIE)


@router.get("/me/export", responses=refuses(Unauthenticated))
async def export_me(auth: CurrentAuth, user: CurrentUser, actor: CurrentActor) -> Export:
    """Export everything that is stored about the current user, without secrets. The audit log records the export."""
    return Export(user=UserAnswer.model_validate(user), tables=await exports.of_user(auth, user.id, actor))
