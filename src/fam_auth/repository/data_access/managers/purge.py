"""What has expired or ended leaves the database, a few rows at a time, so that nobody who works there feels it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.core.clock import uuid7_floor
from fam_auth.core.database import answered
from fam_auth.models import Attempt, Change, Event, Login, OneTimeToken, Outbox, Session
from fam_auth.repository.data_access.queries import attempts, users
from fam_auth.repository.data_access.queries.purge import Moment, before, dying

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BATCH = 1_000
"""Rows that one statement deletes: some 20 ms of a database's time."""
Batches = Callable[[int], UpdateBase]
"""Given a number, the statement that deletes the next so many rows."""


async def purge(auth: Auth) -> dict[str, int]:
    """Expired logins and tokens are gone, and what ended longer ago than the retention; returns rows by table.

    Each batch is a transaction of its own; after it the database has as long a pause as it took. Raises Unavailable.
    """
    gone = Counter[str]()
    for name, batches in _worn(auth):
        gone[name] += await _clear(auth, batches)
    return dict(gone)


def _worn(auth: Auth) -> Iterator[tuple[str, Batches]]:
    """What is to go, by the name of its table; each is found by an index."""
    now = auth.now()
    kept = now - auth.settings.retention
    yield "logins", _before(Login.expires_at, now)
    yield "one_time_tokens", _before(OneTimeToken.expires_at, now)
    yield "one_time_tokens", _before(OneTimeToken.used_at, now - DAY)
    yield "attempts", _before(Attempt.tried_at, attempts.ago(DAY.total_seconds()))
    yield "sessions", _before(Session.ended_at, kept)
    yield "sessions", _before(Session.expires_at, kept)
    yield "events", _before(Event.id, uuid7_floor(kept))
    yield "changes", _before(Change.at, now - HOUR)
    yield "outbox", _before(Outbox.done_at, now - DAY)
    if auth.settings.email_verification:
        yield "users", partial(users.purge_unverified, now - auth.settings.unverified_lifetime)
    for feature in auth.features:
        for model in feature.models:
            for column in dying(model.__table__):
                yield model.__tablename__.removeprefix("auth_"), _before(column, now - DAY)


def _before(column: Moment, end: object) -> Batches:
    return partial(before, column, end)


async def _clear(auth: Auth, batches: Batches) -> int:
    """Deletes batch after batch until one is not full; returns how many rows that were."""
    gone, last = 0, BATCH
    while last == BATCH:
        began = time.monotonic()
        with answered():
            async with auth.database.autocommit.connect() as connection:
                last = (await connection.execute(batches(BATCH))).rowcount
        gone += last
        await asyncio.sleep(time.monotonic() - began if last == BATCH else 0)
    return gone
