"""What a user may do, told by the database, and what nobody may give away."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.exceptions import Forbidden, Said
from fam_auth.features.role import queries
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.features.role.settings import ADMIN
from fam_auth.values import Actor


async def claims(auth: Auth, db: AsyncSession, user_id: UUID) -> dict[str, Any]:
    """The claims of a user's sessions: roles, permissions, those of each scope, and until when that holds."""
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
    """Whether the user has the permission at this moment, for everything or in the scope."""
    permitted = queries.permits(user_id, permission, literal(scope or EVERYTHING), auth.now())
    return await auth.database.row(select(literal(1)).where(permitted)) is not None


async def check_reach(  # noqa: PLR0913 - who gives what, for what and until when
    auth: Auth,
    db: AsyncSession,
    actor: Actor,
    permissions: Iterable[str],
    *,
    scope: str = EVERYTHING,
    until: datetime | None = None,
) -> None:
    """Nobody gives what they lack, or for longer than they have it; `until` None: for good.

    Raises Forbidden; somebody at the command line has everything.
    """
    if actor.user_id is None:
        return
    rows = await auth.database.rows(queries.held(actor.user_id, auth.now()), db)
    own = {row.permission for row in rows if row.scope in {EVERYTHING, scope} and _lasts(row.expires_at, until)}
    if missing := sorted(set(permissions) - own):
        raise Forbidden(Said("role.beyond_reach"), lacking={"permissions": missing})


async def check_somebody_administers(auth: Auth, db: AsyncSession, *, but: UUID) -> None:
    """Somebody else is an administrator for good. Raises Forbidden."""
    rows = await db.execute(queries.administrators(ADMIN, auth.now()))
    if not {row.user_id for row in rows} - {but}:
        raise Forbidden(Said("role.last_administrator"))


async def has_administrator(auth: Auth) -> bool:
    """Whether anybody administers."""
    return await auth.database.row(queries.administrators(ADMIN, auth.now())) is not None


def _lasts(end: datetime | None, until: datetime | None) -> bool:
    """Whether what ends at one moment (None: never) is still there at the other."""
    return end is None or (until is not None and end >= until)


def _add(names: list[str], name: str | None) -> None:
    if name is not None and name not in names:
        names.append(name)
        names.sort()
