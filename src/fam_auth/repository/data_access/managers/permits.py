"""What stands before everything that is done to a user's account."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.events import Event
from fam_auth.exceptions import NotFound
from fam_auth.repository.data_access.managers import sessions
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Actor


async def obtain(auth: Auth, db: AsyncSession, deed: Event, actor: Actor) -> Row[Any]:
    """Every feature permits the deed, and its user is locked until the transaction ends; returns the user.

    The first thing in the transaction: features take locks that come before the user's, and taking them after it
    could deadlock. Raises NotFound, Unauthenticated when the session of the actor has ended
    meanwhile, and what the features or the demands of the route refuse with. Does not commit.
    """
    assert deed.user_id is not None  # noqa: S101 - it is done to somebody
    for feature in auth.features:
        await feature.permit(auth, db, deed)
    row = (await db.execute(queries.locked(deed.user_id))).first()
    if row is None:
        raise NotFound
    await sessions.check_actor(auth, db, actor)
    return row
