"""The feed of changes: what this worker changes it forgets at the commit, the others within a second."""

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


def told(auth: Auth, db: AsyncSession, happened: Event) -> list[Statement]:
    """The statements by which other workers hear of an event that changes what they may remember.

    This worker forgets it when `db` commits. They are written whatever `session_check` is here: another process on the
    same database may remember.
    """
    about = happened.invalidated
    if about is None:
        return []
    _forget_at_commit(auth, db, about)
    return [queries.add(about, auth.now())]


async def tell_all(auth: Auth, db: AsyncSession, ids: Rows) -> None:
    """The same for many users or sessions. Does not commit."""
    _forget_at_commit(auth, db, None)
    await db.execute(queries.add_all(ids, auth.now()))


def is_read(auth: Auth) -> bool:
    """Whether this worker remembers sessions, and reads the feed for it."""
    return auth.settings.session_check == "feed"


async def read(auth: Auth) -> set[UUID | None]:
    """What has changed since the last time is forgotten, and returned; one statement, however many sessions there are.

    None among it: everything may have changed, as after a long silence, when rows may have been purged. Raises
    Unavailable when a standby answers: it may lag behind.
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
        # The first time for long, or another server than before: what it never heard of may be remembered here.
        changed.add(None)
    for about in changed:
        cache.forget(about)
    # Those of transactions that go on beside a longer one come again.
    cache.cursor = FeedCursor(horizon, server, {row.id for row in rows})
    cache.heard(asked_at)
    return changed


def _forget_at_commit(auth: Auth, db: AsyncSession, about: UUID | None) -> None:
    """Not before: until then another request may read what was, and remember it."""

    def forget(_: SyncSession) -> None:
        auth.session_cache.forget(about)

    event.listen(db.sync_session, "after_commit", forget, once=True)
