"""The journal: what happened stands in the transaction of the deed, and the features hear of it."""

import logging
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.core.events import Event
from fam_auth.repository.data_access.managers import changes, pages
from fam_auth.repository.data_access.queries import events as queries
from fam_auth.values import EventFilter, Page

log = logging.getLogger("fam_auth.events")


async def record(auth: Auth, db: AsyncSession, event: Event, *deeds: UpdateBase, token: UUID | None = None) -> None:
    """The deeds are done and the event is written, in one round trip where the database can; then the features hear it.

    `token` is the one-time token that caused it. Does not commit.
    """
    await auth.database.together(db, *deeds, *changes.told(auth, db, event), queries.add(auth.new_id(), event))
    for feature in auth.features:
        await feature.heard(auth, db, event, token)
    _log(event)


async def record_alone(auth: Auth, event: Event) -> None:
    """The event is written and committed: the trace of a refusal, whose deed was rolled back."""
    async with auth.transaction() as db:
        await record(auth, db, event)


async def listed(auth: Auth, wanted: EventFilter, after: UUID | None, limit: int) -> Page[Row[Any]]:
    """A page of events, newest first."""
    return pages.cut(await auth.database.rows(queries.page(wanted, after, limit + 1)), limit)


async def newer(auth: Auth, wanted: EventFilter, than: UUID, limit: int) -> list[Row[Any]]:
    """The events since one of them, newest first."""
    return await auth.database.rows(queries.newer(wanted, than, limit))


def _log(event: Event) -> None:
    fields = {
        "event": str(event.kind),
        "outcome": event.outcome,
        "user_id": event.user_id,
        "session_id": event.session_id,
    }
    log.info("%s %s", event.kind, event.outcome, extra={"fields": fields})
