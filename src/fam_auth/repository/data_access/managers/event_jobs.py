"""Event jobs: what the application and the features do after an event is committed.

Each runs at least once, and is retried until it succeeds or its lifetime ends.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core.slots import SLOTS
from fam_auth.core.supervision import failure_of, reason, trace
from fam_auth.exceptions import FamAuthError, NotFound
from fam_auth.repository.data_access.managers import outbox
from fam_auth.repository.data_access.queries import outbox as queries

DEADLINE = timedelta(seconds=30)
LEASE = DEADLINE + timedelta(seconds=30)
# An endpoint that hangs does so for each event, so it may use half of the slots only.
MOST_OF_ONE = SLOTS // 2
log = logging.getLogger("fam_auth.errands")


class ErrandFailed(FamAuthError):
    """An event job failed and will be retried; operators see the message."""


async def take(auth: Auth, limit: int, under_way: Collection[Row[Any]]) -> Sequence[Row[Any]]:
    """Leases up to `limit` due event jobs; no transaction stays open.

    At most MOST_OF_ONE of one name, together with those that are running (`under_way`).
    """
    busy = Counter(row.kind.removeprefix(queries.ERRAND) for row in under_way)
    names = [name for name in auth.errands if busy[name] < MOST_OF_ONE]
    if not names:
        return ()
    now, room = auth.now(), MOST_OF_ONE - max(busy[name] for name in names)
    return await auth.database.rows(queries.lease(queries.errands(names), now, now + LEASE, min(limit, room)))


async def perform(auth: Auth, row: Row[Any]) -> None:
    """Runs one event job and records the outcome. If that cannot be written, the job runs again after its lease."""
    failure = await failure_of(_do(auth, row))
    if failure is None:
        return
    further = await failure_of(_put_off(auth, row, failure))
    if further is not None:
        log.error("Job %s %s could not be rescheduled: %s", row.kind, row.id, reason(further), exc_info=trace(further))


async def listed(auth: Auth, prefix: str, limit: int) -> list[dict[str, str]]:
    """The event jobs that wait or have failed for good, newest first, as text for operators."""
    rows = await auth.database.rows(queries.undone(prefix, limit))
    return [_shown(auth, row) for row in rows]


async def resend(auth: Auth, prefix: str, job_id: UUID | None) -> int:
    """The failed event job with this id is due again; None: all of them. Returns how many. Raises NotFound."""
    expires_at = auth.until(outbox.ERRAND_LIFETIME)
    revived = await auth.database.rows(queries.revive(prefix, auth.now(), expires_at, job_id))
    if job_id is not None and not revived:
        raise NotFound("No job with this id was given up.")
    return len(revived)


async def _do(auth: Auth, row: Row[Any]) -> None:
    async with asyncio.timeout(DEADLINE.total_seconds()):
        await auth.errands[row.kind.removeprefix(queries.ERRAND)].perform(outbox.event_of(auth, row))
    await auth.database.rows(queries.done(row.id, "done", auth.now()))


async def _put_off(auth: Auth, row: Row[Any], failure: BaseException) -> None:
    """The job is due again after a growing pause; after its lifetime it waits for an operator."""
    due_at, why = auth.now() + outbox.pause(row.tries), reason(failure)
    if due_at < row.expires_at:
        log.warning("Job %s %s failed and will be retried: %s", row.kind, row.id, why, exc_info=trace(failure))
        await auth.database.rows(queries.again(row.id, due_at, why))
    else:
        told = "Job %s %s was given up: %s. See `fam-auth errands list`."
        log.error(told, row.kind, row.id, why, exc_info=trace(failure))
        await auth.database.rows(queries.give_up(row.id, why, auth.until(auth.settings.retention)))


def _shown(auth: Auth, row: Row[Any]) -> dict[str, str]:
    try:
        event = outbox.event_of(auth, row)
        kind, event_id = event.kind, str(event.id)
    except outbox.Sealed:
        kind = event_id = "?"
    return {
        "id": str(row.id),
        "name": row.kind.removeprefix(queries.ERRAND),
        "event": kind,
        "event_id": event_id,
        "state": "waiting" if row.done_at is None else "given up",
        "tries": str(row.tries),
        "due_at": "" if row.done_at else str(row.due_at),
        "reason": row.outcome or "",
    }
