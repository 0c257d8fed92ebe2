"""A user's rights, read from the database, and the rule that there is always an administrator."""

from typing import Any
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.database import Rows
from fam_auth.exceptions import Forbidden, Message
from fam_auth.features.role import queries
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.features.role.settings import ADMIN


async def claims(auth: Auth, db: AsyncSession, user_id: UUID) -> dict[str, Any]:
    """The claims of a user's sessions: `roles`, `permissions`, both per scope in `scopes`, and `until`, if they end."""
    rows = await auth.database.rows(queries.held(user_id, auth.now()), db)
    told: dict[str, Any] = {"roles": [], "permissions": []}
    scopes = sorted({row.scope for row in rows} - {EVERYTHING})
    if scopes:
        told["scopes"] = {scope: {"roles": [], "permissions": []} for scope in scopes}
    for row in rows:
        place = told if row.scope == EVERYTHING else told["scopes"][row.scope]
        _add(place["roles"], row.role)
        _add(place["permissions"], row.permission)
    ends = [row.expires_at for row in rows if row.expires_at is not None]
    return {**told, **({"until": min(ends)} if ends else {})}


async def allowed(auth: Auth, user_id: UUID, permission: str, scope: str | None) -> bool:
    """Whether the user has the permission now, for everything or in the scope."""
    permitted = queries.permits(user_id, permission, literal(scope or EVERYTHING), auth.now())
    return await auth.database.row(select(literal(1)).where(permitted)) is not None


async def check_somebody_administers(auth: Auth, db: AsyncSession, *, but: UUID) -> None:
    """Raises Forbidden unless another user who can sign in is a permanent administrator.

    Lock the role first, so that this statement sees what others have committed.
    """
    rows = await db.execute(_administrators(auth))
    if not {row.user_id for row in rows} - {but}:
        raise Forbidden(Message("role.last_administrator"))


async def has_administrator(auth: Auth) -> bool:
    """Whether there is a permanent administrator who can sign in."""
    return await auth.database.row(_administrators(auth)) is not None


def _administrators(auth: Auth) -> Rows:
    # If addresses require verification, a user with an unverified address cannot sign in, and will be purged.
    return queries.administrators(ADMIN, auth.now(), proved=auth.settings.email_verification)


def _add(names: list[str], name: str | None) -> None:
    if name is not None and name not in names:
        names.append(name)
        names.sort()
