"""The routes of roles and grants. All require `roles:manage`, and changes also a recent sign-in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, status
from pydantic import Field

from fam_auth.demands import MANAGES_ROLES, permission, recent_proof
from fam_auth.dependencies import CurrentActor, CurrentAuth, needs
from fam_auth.exceptions import CrossSite, Forbidden, NotFound, StepUpRequired, Unauthenticated
from fam_auth.features.role import definitions, managers
from fam_auth.features.role.schemas import (
    GrantBody,
    GrantItem,
    NewRole,
    PermissionItem,
    RoleAnswer,
    RoleChange,
)
from fam_auth.features.role.settings import ROLE_NAME, RoleSettings
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import users
from fam_auth.routers.session import Wanted
from fam_auth.schemas.base import Text
from fam_auth.schemas.session import PageAnswer

router = new_router("roles")
SEES = needs(permission(MANAGES_ROLES))
CHANGES = needs(permission(MANAGES_ROLES), recent_proof())
SEEN: dict[int | str, dict[str, Any]] = refuses(Unauthenticated, Forbidden, NotFound)
CHANGED: dict[int | str, dict[str, Any]] = refuses(Unauthenticated, StepUpRequired, Forbidden, NotFound, CrossSite)
Name = Annotated[str, Path(max_length=63, pattern=f"^{ROLE_NAME.pattern}$", description="Name of the role.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Maximum number of items.")]
After = Annotated[Annotated[Text, Field(max_length=63)] | None, Query(description="The `next` of the previous page.")]
Scope = Annotated[Annotated[Text, Field(max_length=200)], Query(description="Scope of the grant. Empty: everywhere.")]


@router.get("/permissions", dependencies=[SEES], responses=SEEN)
async def list_permissions(auth: CurrentAuth) -> PageAnswer[PermissionItem]:
    """List all permissions that the application declares."""
    declared = auth.of(RoleSettings).declared
    return PageAnswer(items=[PermissionItem.model_validate(declared[name]) for name in sorted(declared)], next=None)


@router.get("/roles", dependencies=[SEES], responses=SEEN)
async def list_roles(auth: CurrentAuth, limit: Limit = 50, after: After = None) -> PageAnswer[RoleAnswer]:
    """List all roles by name."""
    roles = await definitions.every(auth)
    names = sorted(name for name in roles if name > (after or ""))
    shown = names[:limit]
    items = [RoleAnswer.of(roles[name]) for name in shown]
    return PageAnswer(items=items, next=shown[-1] if len(names) > limit else None)


@router.post("/roles", status_code=status.HTTP_201_CREATED, dependencies=[CHANGES], responses=CHANGED)
async def create_role(auth: CurrentAuth, actor: CurrentActor, body: NewRole) -> RoleAnswer:
    """Create a role with permissions that you have."""
    return RoleAnswer.of(await definitions.create(auth, body.definition(), actor))


@router.get("/roles/{name}", dependencies=[SEES], responses=SEEN)
async def get_role(auth: CurrentAuth, name: Name) -> RoleAnswer:
    """Get a role."""
    return RoleAnswer.of(await definitions.get(auth, name))


@router.patch("/roles/{name}", dependencies=[CHANGES], responses=CHANGED)
async def change_role(auth: CurrentAuth, actor: CurrentActor, name: Name, body: RoleChange) -> RoleAnswer:
    """Change a role. It applies to all its users at once."""
    return RoleAnswer.of(await definitions.change(auth, name, body.applied, actor))


@router.delete("/roles/{name}", status_code=status.HTTP_204_NO_CONTENT, dependencies=[CHANGES], responses=CHANGED)
async def delete_role(auth: CurrentAuth, actor: CurrentActor, name: Name) -> None:
    """Delete a role and revoke it from all its users."""
    await definitions.delete(auth, name, actor)


@router.get("/users/{user_id}/roles", dependencies=[SEES], responses=SEEN)
async def list_grants(auth: CurrentAuth, wanted: Wanted, user_id: UUID) -> PageAnswer[GrantItem]:
    """List the grants of a user, newest first, including revoked and expired ones."""
    await users.get(auth, user_id)
    page = await managers.of_user(auth, user_id, wanted.after, wanted.limit)
    return PageAnswer(items=[GrantItem.of(row) for row in page.items], next=page.next)


@router.get("/users/{user_id}/roles/{name}", dependencies=[SEES], responses=SEEN)
async def get_grant(auth: CurrentAuth, user_id: UUID, name: Name, scope: Scope = "") -> GrantItem:
    """Get the grant of a role to a user."""
    return GrantItem.of(await managers.get(auth, user_id, name, scope))


@router.put("/users/{user_id}/roles/{name}", dependencies=[CHANGES], responses=CHANGED)
async def grant_role(  # noqa: PLR0913, PLR0917 - FastAPI hands over each part of a request
    auth: CurrentAuth,
    actor: CurrentActor,
    user_id: UUID,
    name: Name,
    body: GrantBody | None = None,
    scope: Scope = "",
) -> GrantItem:
    """Grant a role whose permissions you have to a user."""
    end = None if body is None else body.expires_at
    return GrantItem.of(await managers.grant(auth, user_id, name, actor, scope=scope, expires_at=end))


@router.delete(
    "/users/{user_id}/roles/{name}", status_code=status.HTTP_204_NO_CONTENT, dependencies=[CHANGES], responses=CHANGED
)
async def revoke_role(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, name: Name, scope: Scope = "") -> None:
    """Revoke a role from a user."""
    await managers.revoke(auth, user_id, name, actor, scope=scope)
