"""The administration pages for roles: the matrix of roles and permissions, and the roles of a user."""

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Response
from pydantic import Field

from fam_auth.demands import MANAGES_ROLES
from fam_auth.dependencies import CurrentActor
from fam_auth.feature import Entry, Pages
from fam_auth.features.role import definitions, graph, managers
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.features.role.routers import CHANGES, SEES
from fam_auth.features.role.schemas import RoleName
from fam_auth.features.role.settings import ADMIN, RoleSettings
from fam_auth.pages import CurrentPage, Page, form, new_router, shown_on
from fam_auth.pages.administration.admin_page import shows, shows_user
from fam_auth.pages.administration.users import user_id_of
from fam_auth.repository.data_access.managers import users
from fam_auth.schemas.base import Body, Day, Text

router = new_router()
MATRIX = "/admin/roles"


class NewRoleForm(Body):
    """A new role, without permissions."""

    name: RoleName
    description: Annotated[Text, Field(max_length=500)] | None = None


class Toggle(Body):
    """A permission or included role to add to a role, or to remove."""

    role: RoleName
    kind: Literal["permission", "role"]
    part: Annotated[Text, Field(max_length=100)]
    wanted: Literal["yes", "no"]

    def applied(self, parts: frozenset[str]) -> frozenset[str]:
        """The parts after adding or removing this one."""
        return parts | {self.part} if self.wanted == "yes" else parts - {self.part}


class GrantForm(Body):
    """A role to grant: its scope (blank: everything), and its last day (blank: permanent)."""

    role: RoleName
    scope: Annotated[Text, Field(max_length=200)] = EVERYTHING
    until: Day | None = None

    @property
    def expires_at(self) -> datetime | None:
        """The moment it expires (UTC)."""
        return None if self.until is None else datetime.combine(self.until, time.max, UTC)


class Revocation(Body):
    """The grant to revoke."""

    role: RoleName
    scope: Annotated[Text, Field(max_length=200)] = EVERYTHING


class Which(Body):
    """The role to delete."""

    role: RoleName


async def _matrix(page: Page) -> Response:
    roles = await definitions.every(page.auth)
    names = sorted(roles, key=lambda name: (name != ADMIN, name))
    return shows(
        page,
        "role/matrix.html",
        roles=[roles[name] for name in names],
        permissions=sorted(page.auth.of(RoleSettings).declared.values(), key=lambda one: one.name),
        has={name: graph.permissions(roles, [name]) for name in names},
        holds={name: graph.included(roles, name) - {name} for name in names},
        fixed=ADMIN,
    )


@router.get(MATRIX, dependencies=[SEES])
async def matrix(page: CurrentPage) -> Response:
    """Shows every role with its permissions, its own and included ones."""
    return await _matrix(page)


@router.post(f"{MATRIX}/create", dependencies=[CHANGES])
@shown_on(_matrix)
async def create(page: CurrentPage, actor: CurrentActor, given: Annotated[NewRoleForm, form(NewRoleForm)]) -> Response:
    """Creates a role."""
    await definitions.create(page.auth, Definition(given.name, description=given.description), actor)
    return page.leads(page.plain(MATRIX), done="role_created")


@router.post(f"{MATRIX}/toggle", dependencies=[CHANGES])
@shown_on(_matrix)
async def toggle(page: CurrentPage, actor: CurrentActor, given: Annotated[Toggle, form(Toggle)]) -> Response:
    """Adds a permission or an included role to a role, or removes it."""

    def edited(role: Definition) -> Definition:
        if given.kind == "permission":
            return replace(role, permissions=given.applied(role.permissions))
        return replace(role, includes=given.applied(role.includes))

    await definitions.change(page.auth, given.role, edited, actor)
    return page.leads(page.plain(MATRIX), done="role_changed")


@router.post(f"{MATRIX}/delete", dependencies=[CHANGES])
@shown_on(_matrix)
async def delete(page: CurrentPage, actor: CurrentActor, given: Annotated[Which, form(Which)]) -> Response:
    """Deletes a role and all its grants in force."""
    await definitions.delete(page.auth, given.role, actor)
    return page.leads(page.plain(MATRIX), done="role_deleted")


async def _of_user(page: Page) -> Response:
    user = await users.get(page.auth, user_id_of(page))
    grants = await managers.in_force(page.auth, user.id)
    names = sorted(await definitions.every(page.auth))
    return shows_user(page, "role/of_user.html", user, grants=grants, names=names)


@router.get("/admin/users/{user_id}/roles", dependencies=[SEES])
async def roles_of_user(page: CurrentPage, user_id: UUID) -> Response:
    """Shows the roles of a user."""
    del user_id
    return await _of_user(page)


@router.post("/admin/users/{user_id}/roles/grant", dependencies=[CHANGES])
@shown_on(_of_user)
async def grant(
    page: CurrentPage, actor: CurrentActor, user_id: UUID, given: Annotated[GrantForm, form(GrantForm)]
) -> Response:
    """Grants a role to the user."""
    await managers.grant(page.auth, user_id, given.role, actor, scope=given.scope, expires_at=given.expires_at)
    return page.leads(page.plain(f"/admin/users/{user_id}/roles"), done="role_granted")


@router.post("/admin/users/{user_id}/roles/revoke", dependencies=[CHANGES])
@shown_on(_of_user)
async def revoke(
    page: CurrentPage, actor: CurrentActor, user_id: UUID, given: Annotated[Revocation, form(Revocation)]
) -> Response:
    """Revokes a role from the user."""
    await managers.revoke(page.auth, user_id, given.role, actor, scope=given.scope)
    return page.leads(page.plain(f"/admin/users/{user_id}/roles"), done="role_revoked")


PAGES = Pages(
    routers=(router,),
    templates=Path(__file__).parent / "templates",
    administration=(Entry(MATRIX, "roles", "shield", MANAGES_ROLES),),
    about_user=(Entry("/roles", "roles", "people", MANAGES_ROLES),),
)
