"""The invalidation feed: a worker drops cached sessions that it changes at the commit, the others within a second."""

from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session as SyncSession

from fam_auth.auth import Auth
from fam_auth.core.database import Rows
from fam_auth.core.session_cache import FeedCursor
from fam_auth.core.statements import Statement
from fam_auth.events import Event
from fam_auth.exceptions import Unavailable
from fam_auth.repository.data_access.queries import invalidation as queries


def invalidates(auth: Auth, db: AsyncSession, happened: Event) -> list[Statement]:
    """The statements that tell other workers to drop the sessions that an event invalidates.

    This worker drops them when `db` commits. The statements do not depend on `session_check` here: another process on
    the same database may cache sessions.
    """
    about = happened.invalidated
    if about is None:
        return []
    _forget_at_commit(auth, db, about)
    return [queries.add(about, auth.now())]


async def invalidate_all(auth: Auth, db: AsyncSession, ids: Rows) -> None:
    """Invalidates many users or sessions, by their ids. Does not commit."""
    _forget_at_commit(auth, db, None)
    await db.execute(queries.add_all(ids, auth.now()))


def is_read(auth: Auth) -> bool:
    """Whether this worker caches sessions, and so has to read the feed."""
    return auth.settings.session_check == "feed"


async def read(auth: Auth) -> set[UUID | None]:
    """Drops from the cache what has changed since the last read, and returns the ids of those sessions and users.

    None among them means that everything may have changed: after a long gap, rows of the feed may have been purged.
    One statement, however many sessions are cached. Raises Unavailable if a standby answers, because it may lag behind.
    """
    cache, cursor = auth.session_cache, auth.session_cache.cursor
    asked_at = cache.clock()
    rows = await auth.database.rows(queries.since(cursor.position))
    horizon, server = rows[0].horizon, rows[0].server
    if server is None:
        raise Unavailable
    changed = {row.about for row in rows if row.id is not None and row.id not in cursor.read}
    is_gap = cursor.position is None or not cache.is_trusted
    if is_gap or horizon < (cursor.position or 0) or server != cursor.server:
        # First read after a gap, or another server (a failover): the cache may hold what the feed never announced.
        changed.add(None)
    for about in changed:
        cache.forget(about)
    # The horizon waits for the oldest open transaction, so the next read returns these rows again.
    cache.cursor = FeedCursor(horizon, server, {row.id for row in rows})
    cache.heard(asked_at)
    return changed


def _forget_at_commit(auth: Auth, db: AsyncSession, about: UUID | None) -> None:
    """Drops it at the commit, not before: until then another request could read the old row and cache it again."""

    def forget(_: SyncSession) -> None:
        auth.session_cache.forget(about)

    event.listen(db.sync_session, "after_commit", forget, once=True)
