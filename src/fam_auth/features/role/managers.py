"""Grants: which user has which role, in which scope and until when."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.database import retried
from fam_auth.exceptions import Conflict, InvalidRequest, Message, NotFound
from fam_auth.features.role import definitions, graph, queries, reach
from fam_auth.features.role.events import RoleGranted, RoleRevoked
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.features.role.rights import check_somebody_administers
from fam_auth.features.role.settings import ADMIN
from fam_auth.models import User
from fam_auth.repository.data_access.managers import events, sessions
from fam_auth.repository.data_access.queries import users
from fam_auth.values import Actor, Page


@retried
async def grant(  # noqa: PLR0913 - who gets what, for what, until when, and by whom
    auth: Auth,
    user_id: UUID,
    role: str,
    actor: Actor,
    *,
    scope: str = EVERYTHING,
    expires_at: datetime | None = None,
    db: AsyncSession | None = None,
) -> Row[Any]:
    """Grants the role to the user, at once; returns the grant. Replaces an existing grant with another expiry.

    Commits without `db`. Raises NotFound, InvalidRequest if `expires_at` has passed, and Forbidden if the actor lacks
    one of the role's permissions.
    """
    now = auth.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest.of("expires_at", "passed")
    async with auth.transaction(db) as joined:
        await _hold(auth, joined, role, user_id)
        roles = await definitions.every(auth, joined)
        await reach.check(auth, joined, actor, graph.rights(roles, [role]), scope=scope, until=expires_at)
        where = {"user_id": user_id, "role": role, "scope": scope}
        before = (await joined.execute(queries.grants_in_force(now, **where))).first()
        if before is not None and before.expires_at == expires_at:
            return before
        ended = (await joined.execute(queries.revoke(now, actor.user_id, **where))).first()
        if ended is not None and expires_at is not None:
            await _keep_an_administrator(auth, joined, ended)
        made = queries.grant(id=auth.new_id(), granted_at=now, granted_by=actor.user_id, expires_at=expires_at, **where)
        event = _event(auth, RoleGranted, actor, where, (before, expires_at))
        await events.record(auth, joined, event, made)
        return (await joined.execute(queries.grants_in_force(now, **where))).one()


@retried
async def revoke(auth: Auth, user_id: UUID, role: str, actor: Actor, *, scope: str = EVERYTHING) -> None:
    """Revokes the role from the user, at once.

    Raises NotFound, and Forbidden for the last administrator or if the actor lacks one of the role's permissions: by
    revoking a higher role, the actor would get power over its user.
    """
    where = {"user_id": user_id, "role": role, "scope": scope}
    async with auth.transaction() as db:
        await _hold(auth, db, role, user_id)
        now = auth.now()
        rights = graph.rights(await definitions.every(auth, db), [role])
        await reach.check(auth, db, actor, rights, scope=scope, until=now)
        if (await db.execute(queries.grants_in_force(now, **where))).first() is None:
            raise NotFound
        ended = (await db.execute(queries.revoke(now, actor.user_id, **where))).one()
        await _keep_an_administrator(auth, db, ended)
        await events.record(auth, db, _event(auth, RoleRevoked, actor, where, (ended, None)))


async def get(auth: Auth, user_id: UUID, role: str, scope: str) -> Row[Any]:
    """The grant in force. Raises NotFound."""
    row = await auth.database.row(queries.grants_in_force(auth.now(), user_id=user_id, role=role, scope=scope))
    if row is None:
        raise NotFound
    return row


async def of_user(auth: Auth, user_id: UUID, after: UUID | None, limit: int) -> Page[Row[Any]]:
    """A page of a user's grants, newest first, including ended ones."""
    statement = queries.older(queries.grants(user_id=user_id), after, limit + 1)
    return Page.of(await auth.database.rows(statement), limit)


async def in_force(auth: Auth, user_id: UUID) -> list[Row[Any]]:
    """The user's grants in force, newest first."""
    return await auth.database.rows(queries.grants_in_force(auth.now(), user_id=user_id))


async def who(auth: Auth, role: str) -> list[Row[Any]]:
    """The role's grants in force, newest first. Raises NotFound."""
    await definitions.get(auth, role)
    return await auth.database.rows(queries.grants_in_force(auth.now(), role=role))


async def hold_leaver(auth: Auth, db: AsyncSession, user_id: UUID) -> None:
    """Locks a user who will be suspended or deleted, and first the role `admin` if they are an administrator.

    The lock on the role serializes suspensions, deletions and revocations of administrators, so that each counts the
    administrators who are left. Raises Conflict if the user became an administrator meanwhile: the role would have to
    be locked before the user.
    """
    before = await _administers(auth, db, user_id)
    if before is not None:
        await db.execute(queries.hold(ADMIN))
    await db.execute(users.locked(user_id))
    if before is None and await _administers(auth, db, user_id) is not None:
        raise Conflict


async def check_user(auth: Auth, db: AsyncSession, actor_id: UUID, user_id: UUID) -> None:
    """Locks the user, and checks that they have no right that the actor lacks. Raises Forbidden."""
    # Grants and changes of roles lock the user too, so what this reads cannot change before the commit.
    await db.execute(users.locked(user_id))
    await reach.check_user(auth, db, await definitions.every(auth, db), actor_id, user_id)


async def keep_an_administrator(auth: Auth, db: AsyncSession, user_id: UUID) -> None:
    """Raises Forbidden if this user, who will be suspended or deleted, is the last administrator."""
    own = await _administers(auth, db, user_id)
    if own is not None:
        await _keep_an_administrator(auth, db, own)


async def _administers(auth: Auth, db: AsyncSession, user_id: UUID) -> Row[Any] | None:
    """The user's permanent grant of `admin` for everything; None without one."""
    where = {"user_id": user_id, "role": ADMIN, "scope": EVERYTHING, "expires_at": None}
    return (await db.execute(queries.grants_in_force(auth.now(), **where))).first()


async def _keep_an_administrator(auth: Auth, db: AsyncSession, gone: Row[Any]) -> None:
    if (gone.role, gone.scope, gone.expires_at) == (ADMIN, EVERYTHING, None):
        await check_somebody_administers(auth, db, but=gone.user_id)


async def _hold(auth: Auth, db: AsyncSession, role: str, user_id: UUID) -> None:
    """Locks the role, then the user, and marks the user's claims as outdated. Raises NotFound if one is missing."""
    if (await db.execute(queries.hold(role))).first() is None:
        raise NotFound(Message("role.no_role"))
    if (await db.execute(users.locked(user_id))).first() is None:
        raise NotFound(Message("role.no_user"))
    await sessions.outdate_claims(auth, db, users.by_id(user_id).with_only_columns(User.id))


def _event(
    auth: Auth,
    kind: type[RoleGranted | RoleRevoked],
    actor: Actor,
    where: dict[str, Any],
    ends: tuple[Row[Any] | None, datetime | None],
) -> RoleGranted | RoleRevoked:
    before, expires_at = ends
    detail = {
        "role": where["role"],
        "scope": where["scope"],
        "before": None if before is None else _until(before.expires_at),
        "after": _until(expires_at) if kind is RoleGranted else None,
    }
    return kind(at=auth.now(), user_id=where["user_id"], actor_id=actor.user_id, client=actor.client, detail=detail)


def _until(end: datetime | None) -> dict[str, str | None]:
    return {"expires_at": None if end is None else end.isoformat()}
