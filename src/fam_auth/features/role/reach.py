"""Privilege limits: an actor can only grant, revoke or act on rights that they have themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.exceptions import Forbidden, Message
from fam_auth.features.role import graph, queries
from fam_auth.features.role.graph import Rights, Roles
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.features.role.settings import ADMIN
from fam_auth.repository.data_access.managers import sessions
from fam_auth.values import Actor

NOTHING = Rights()


@dataclass(frozen=True, slots=True)
class Authority:
    """A user's rights by scope: permissions, and the names of granted and included roles."""

    by_scope: Mapping[str, Rights]

    def lacking(self, wanted: Rights, scope: str) -> Rights:
        """The wanted rights that the user has neither in the scope nor for everything.

        An `admin` for everything needs no role by its name: otherwise nobody could grant a new role.
        """
        everywhere = self.by_scope.get(EVERYTHING, NOTHING)
        there = self.by_scope.get(scope, NOTHING)
        left = wanted - everywhere - there
        return Rights(left.permissions) if ADMIN in everywhere.names else left


async def check(  # noqa: PLR0913 - who, what, for what and until when
    auth: Auth,
    db: AsyncSession,
    actor: Actor,
    wanted: Rights,
    *,
    scope: str = EVERYTHING,
    until: datetime | None = None,
) -> None:
    """Checks that the actor has these rights in the scope until that moment (None: permanently). Call it after locking.

    Operators at the command line (no `actor.user_id`) have all rights. Raises Forbidden, and Unauthenticated if the
    actor's session has ended meanwhile.
    """
    if actor.user_id is None:
        return
    await sessions.check_actor(auth, db, actor)
    lacking = (await _authority(auth, db, actor.user_id, until)).lacking(wanted, scope)
    if lacking:
        told = {"permissions": sorted(lacking.permissions), "roles": sorted(lacking.names)}
        raise Forbidden(Message("role.beyond_reach"), lacking={name: some for name, some in told.items() if some})


async def check_user(auth: Auth, db: AsyncSession, roles: Roles, actor_id: UUID, user_id: UUID) -> None:
    """Checks that the actor has every right of the user now. Raises Forbidden, without naming the missing rights."""
    now = auth.now()
    theirs = await _authority(auth, db, user_id, now)
    if not theirs.by_scope:
        return
    own = await _authority(auth, db, actor_id, now)
    for scope, held in theirs.by_scope.items():
        if own.lacking(graph.rights(roles, held.names), scope):
            raise Forbidden(Message("role.user_beyond_reach"))


async def _authority(auth: Auth, db: AsyncSession, user_id: UUID, until: datetime | None) -> Authority:
    """The rights that the user has now and still has at that moment (None: forever)."""
    rows = await auth.database.rows(queries.held(user_id, auth.now()), db)
    lasting = [row for row in rows if _lasts(row.expires_at, until)]
    return Authority(
        {
            scope: Rights(
                frozenset(row.permission for row in lasting if row.scope == scope and row.permission is not None),
                frozenset(row.role for row in lasting if row.scope == scope),
            )
            for scope in {row.scope for row in lasting}
        }
    )


def _lasts(end: datetime | None, until: datetime | None) -> bool:
    """Whether a grant that expires at `end` (None: never) still holds at `until` (None: forever)."""
    return end is None or (until is not None and end >= until)
