"""Roles and permissions (RBAC), with changes that take effect at once in every worker."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.settings import Settings
from fam_auth.events import Event, UserDeleted, UserSuspended
from fam_auth.feature import Pages
from fam_auth.features.role import definitions, managers, models, queries, rights
from fam_auth.features.role.settings import RoleSettings
from fam_auth.models import Base
from fam_auth.values import User

LEAVING = (UserDeleted, UserSuspended)
log = logging.getLogger("fam_auth.role")


class Role(RoleSettings):
    """Roles and permissions; add it to Auth(features=[...])."""

    models: ClassVar[tuple[type[Base], ...]] = (
        models.Role,
        models.RolePermission,
        models.RoleInclusion,
        models.Grant,
    )
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"
    languages: ClassVar[Path | None] = Path(__file__).parent / "languages"

    def routers(self, settings: Settings) -> Sequence[APIRouter]:
        from fam_auth.features.role.routers import router  # noqa: PLC0415 - commands and workers do not wait for routes they lack

        return (router,)

    def pages(self, settings: Settings) -> Pages | None:
        from fam_auth.features.role import pages  # noqa: PLC0415 - who has no pages does not wait for their import

        return pages.PAGES

    async def allowed(self, user: User, permission: str, *, scope: str | None = None) -> bool:
        """Whether the user has the permission now, for everything or (with `scope`) in the scope.

        For use outside of routes; takes one statement.
        """
        return await rights.allowed(self.auth, user.id, permission, scope)

    def scopes(self, user: User, permission: str) -> Select[str]:
        """A SELECT of the scopes in which the user has the permission; an empty one means everything."""
        return queries.scopes(user.id, permission, self.auth.now())

    def permits(self, user: User, permission: str, scope: ColumnElement[str]) -> ColumnElement[bool]:
        """A condition for your own SELECT: the user has the permission in the scope of the row, an SQL expression."""
        return queries.permits(user.id, permission, scope, self.auth.now())

    async def start(self, auth: Auth) -> None:
        """In development, writes the code's roles to the database; otherwise, logs a warning if they differ."""
        if auth.settings.is_development:
            await definitions.sync(auth)
            return
        await definitions.ensure_admin(auth)
        if changes := await definitions.plan(auth):
            names = ", ".join(change.name for change in changes)
            log.warning("The roles in the database differ from the code (%s). Run `fam-auth roles sync`.", names)

    async def claims(self, auth: Auth, db: AsyncSession, user: User) -> Mapping[str, Any]:
        return await rights.claims(auth, db, user.id)

    async def permit(self, auth: Auth, db: AsyncSession, deed: Event) -> None:
        assert deed.user_id is not None  # noqa: S101 - it is done to somebody
        if isinstance(deed, LEAVING):
            await managers.hold_leaver(auth, db, deed.user_id)
        if deed.actor_id not in {None, deed.user_id}:
            await managers.check_user(auth, db, deed.actor_id, deed.user_id)

    async def heard(self, auth: Auth, db: AsyncSession, event: Event, subject: UUID | None) -> None:
        if isinstance(event, LEAVING):
            await managers.keep_an_administrator(auth, db, event.user_id)
