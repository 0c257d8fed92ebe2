"""Statements about the journal of security events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.events import Event
from fam_auth.models import Event as Row


def add(event_id: UUID, event: Event) -> UpdateBase:
    """One line of the journal."""
    return insert(Row).values(
        id=event_id,
        at=event.at,
        kind=str(event.kind),
        outcome=event.outcome,
        user_id=event.user_id,
        actor_id=event.actor_id,
        session_id=event.session_id,
        address=event.client.address,
        agent=event.client.agent,
        request_id=event.client.request_id,
        detail=dict(event.detail),
    )


def of_user(user_id: UUID, after: UUID | None, limit: int) -> Rows:
    """A page of what concerns a user, newest first, older than `after`."""
    columns = (Row.id, Row.at, Row.kind, Row.outcome, Row.session_id, Row.address, Row.agent, Row.detail)
    statement = select(*columns).where(Row.user_id == user_id).order_by(Row.id.desc()).limit(limit)
    return statement if after is None else statement.where(Row.id < after)


def purge(before: datetime) -> UpdateBase:
    """Deletes what happened before a moment."""
    return delete(Row).where(Row.at < before)
