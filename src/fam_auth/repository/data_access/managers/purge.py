"""The purge: deletes expired and ended rows in small batches, so that requests are not slowed down."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError

from fam_auth.auth import Auth
from fam_auth.core.clock import uuid7_floor
from fam_auth.core.database import answered
from fam_auth.exceptions import Unavailable
from fam_auth.models import Attempt, Change, Event, Login, OneTimeToken, Outbox, Session
from fam_auth.repository.data_access.queries import attempts, users
from fam_auth.repository.data_access.queries.purge import Moment, before, dying

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BATCH = 1_000
"""Rows that one statement deletes: about 20 ms of database time."""
Batch = Callable[[], Awaitable[int]]
"""Deletes the next BATCH rows and returns how many there were."""


async def purge(auth: Auth) -> dict[str, int]:
    """Deletes expired logins and tokens, and what ended before the retention period; returns rows by table.

    Each batch is a transaction of its own, followed by a pause as long as the batch took. A table that cannot be purged
    does not stop the others: its error is raised at the end. That is Unavailable, or IntegrityError if a table of the
    application refers to a user without ON DELETE.
    """
    gone, failed = Counter[str](), list[Exception]()
    for name, batch in _worn(auth):
        try:
            gone[name] += await _clear(batch)
        except (Unavailable, DBAPIError) as failure:
            failed.append(failure)
    if failed:
        raise failed[0]
    return dict(gone)


def _worn(auth: Auth) -> Iterator[tuple[str, Batch]]:
    """What to delete, by table name; an index finds each batch."""
    now = auth.now()
    kept = now - auth.settings.retention
    yield "logins", partial(_delete, auth, Login.expires_at, now)
    yield "one_time_tokens", partial(_delete, auth, OneTimeToken.expires_at, now)
    yield "one_time_tokens", partial(_delete, auth, OneTimeToken.used_at, now - DAY)
    yield "attempts", partial(_delete, auth, Attempt.tried_at, attempts.ago(DAY.total_seconds()))
    yield "sessions", partial(_delete, auth, Session.ended_at, kept)
    yield "sessions", partial(_delete, auth, Session.expires_at, kept)
    yield "events", partial(_delete, auth, Event.id, uuid7_floor(kept))
    yield "changes", partial(_delete, auth, Change.at, now - HOUR)
    yield "outbox", partial(_delete, auth, Outbox.done_at, now - DAY)
    if auth.settings.email_verification:
        yield "users", partial(_remove_unverified, auth, now - auth.settings.unverified_lifetime)
    for feature in auth.features:
        for model in feature.models:
            for column in dying(model.__table__):
                yield model.__tablename__.removeprefix("auth_"), partial(_delete, auth, column, now - DAY)


async def _delete(auth: Auth, column: Moment, end: object) -> int:
    async with auth.database.autocommit.connect() as connection:
        return (await connection.execute(before(column, end, BATCH))).rowcount


async def _remove_unverified(auth: Auth, end: datetime) -> int:
    async with auth.transaction() as db:
        found = (await db.execute(users.unverified(end, BATCH))).scalars().all()
        # A second statement, because it sees registrations that were committed while the first waited for its locks.
        return len((await db.execute(users.remove_unverified(found, end))).all())


async def _clear(batch: Batch) -> int:
    """Deletes batch after batch until one is not full; returns the number of rows."""
    gone, last = 0, BATCH
    while last == BATCH:
        began = time.monotonic()
        with answered():
            last = await batch()
        gone += last
        await asyncio.sleep(time.monotonic() - began if last == BATCH else 0)
    return gone
