"""The audit log: records events in the transaction of the change, and passes them to the features."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.statements import Filled, Statement
from fam_auth.events import Event
from fam_auth.repository.data_access.managers import invalidation, outbox
from fam_auth.repository.data_access.queries import events as queries
from fam_auth.values import EventFilter, Page

log = logging.getLogger("fam_auth.events")


async def record(
    auth: Auth,
    db: AsyncSession,
    event: Event,
    *statements: Statement,
    subject: UUID | None = None,
    returning: Filled | None = None,
) -> Sequence[Row[Any]]:
    """Runs the statements and writes the event, in one round trip if the database can; then calls the features.

    Event jobs for the event are queued in the outbox. `subject` is the id of the registration that the event is about.
    Returns the rows of the statement `returning`, which runs with the others. Does not commit.
    """
    event_id = auth.new_id()
    event = replace(event, id=event_id)
    written = (*invalidation.invalidates(auth, db, event), queries.add(event_id, event), *_errands(auth, event))
    rows = await auth.database.together(db, *statements, *written, returning=returning)
    await _tell(auth, db, event, subject)
    return rows


async def record_all(auth: Auth, db: AsyncSession, happened: Sequence[Event]) -> None:
    """Records many events at once, of kinds that invalidate no cached session. Does not commit."""
    lines = {auth.new_id(): event for event in happened}
    await db.execute(queries.add_many(), [queries.line(event_id, event) for event_id, event in lines.items()])
    for event_id, unnamed in lines.items():
        event = replace(unnamed, id=event_id)
        for errand in _errands(auth, event):
            await auth.database.together(db, errand)
        await _tell(auth, db, event, None)


async def record_alone(auth: Auth, event: Event) -> None:
    """Records the event in a transaction of its own, and commits: a refusal has rolled back the request's."""
    async with auth.transaction() as db:
        await record(auth, db, event)


async def listed(auth: Auth, wanted: EventFilter, after: UUID | None, limit: int) -> Page[Row[Any]]:
    """A page of events, newest first."""
    return Page.of(await auth.database.rows(queries.page(wanted, after, limit + 1)), limit)


async def of_own(auth: Auth, user_id: UUID, after: UUID | None, limit: int) -> Page[Row[Any]]:
    """A page of a user's own events, newest first; the addresses and user agents of administrators are left out."""
    return Page.of(await auth.database.rows(queries.page_of_own(user_id, after, limit + 1)), limit)


async def newer(auth: Auth, wanted: EventFilter, than: UUID, limit: int) -> list[Row[Any]]:
    """The events after the event `than`, newest first."""
    return await auth.database.rows(queries.newer(wanted, than, limit))


def _errands(auth: Auth, event: Event) -> list[Statement]:
    return [outbox.errand(auth, one.name, event) for one in auth.errands.values() if one.wants(event.kind)]


async def _tell(auth: Auth, db: AsyncSession, event: Event, subject: UUID | None) -> None:
    for feature in auth.features:
        await feature.heard(auth, db, event, subject)
    _log(event)


def _log(event: Event) -> None:
    fields = {
        "event": event.kind,
        "outcome": event.outcome,
        "user_id": event.user_id,
        "session_id": event.session_id,
    }
    log.info("%s %s", event.kind, event.outcome, extra={"fields": fields})
