"""The authorization check before everything that is done to a user's account."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.events import Event
from fam_auth.exceptions import NotFound
from fam_auth.repository.data_access.managers import sessions
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Actor


async def obtain(auth: Auth, db: AsyncSession, action: Event, actor: Actor) -> Row[Any]:
    """Every feature permits the action, and its user is locked until the transaction ends; returns the user's row.

    Call it first in the transaction: features take locks that come before the user's, and taking them later could
    deadlock. Raises NotFound, Unauthenticated if the actor's session has ended while this waited for the lock, and the
    refusals of the features and of the route's demands. Does not commit.
    """
    assert action.user_id is not None  # noqa: S101 - every action on an account has a user
    for feature in auth.features:
        await feature.permit(auth, db, action)
    row = (await db.execute(queries.locked(action.user_id))).first()
    if row is None:
        raise NotFound
    await sessions.check_actor(auth, db, actor)
    return row
