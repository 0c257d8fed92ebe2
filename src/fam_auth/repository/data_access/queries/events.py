"""Statements about the audit log."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from operator import eq, ge, lt
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, insert, null, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.clock import LATEST, uuid7_floor
from fam_auth.core.database import Rows
from fam_auth.core.statements import Filled, built_once
from fam_auth.events import Event
from fam_auth.models import Event as Row
from fam_auth.values import EventFilter

Column = ColumnElement[Any] | InstrumentedAttribute[Any]
LATE = timedelta(minutes=1)
"""An event gets its id less than this after it happened."""


def add(event_id: UUID, event: Event) -> Filled:
    """Adds one event to the audit log."""
    return _add(**line(event_id, event))


@built_once
def _add(**columns: Any) -> UpdateBase:
    return insert(Row).values(**columns)


def add_many() -> UpdateBase:
    """Adds many events to the audit log: run it with a list of `line`s."""
    return insert(Row)


def line(event_id: UUID, event: Event) -> dict[str, Any]:
    """The columns of an event in the audit log."""
    return {
        "id": event_id,
        "at": event.at,
        "kind": event.kind,
        "outcome": event.outcome,
        "user_id": event.user_id,
        "actor_id": event.actor_id,
        "session_id": event.session_id,
        "address": event.client.address,
        "agent": event.client.agent,
        "request_id": event.client.request_id,
        "detail": dict(event.detail),
    }


def page(wanted: EventFilter, after: UUID | None, limit: int) -> Rows:
    """A page of events, newest first, older than `after`."""
    older = [] if after is None else [Row.id < after]
    return select(*_COLUMNS).where(*_meets(wanted), *older).order_by(Row.id.desc()).limit(limit)


def page_of_own(user_id: UUID, after: UUID | None, limit: int) -> Rows:
    """A page of one user's events, as they may see them: without the addresses and user agents of administrators."""
    shown = [seen_by_owner(column) for column in _COLUMNS]
    return page(EventFilter(user_id), after, limit).with_only_columns(*shown)


def seen_by_owner(column: Column) -> Column:
    """A column of the audit log, as the user of the event may see it.

    Events without an actor, such as a wrong password, show the client's address; those of an administrator do not.
    """
    if column.key not in {Row.address.key, Row.agent.key}:
        return column
    by_another = and_(Row.actor_id.is_not(None), Row.actor_id != Row.user_id)
    return case((by_another, null()), else_=column).label(column.key)


def newer(wanted: EventFilter, than: UUID, limit: int) -> Rows:
    """The events after the event `than`, newest first."""
    return select(*_COLUMNS).where(*_meets(wanted), Row.id > than).order_by(Row.id.desc()).limit(limit)


def latest(limit: int) -> Rows:
    """`address` and `request_id` of the latest events; only events of HTTP requests have a `request_id`."""
    return select(Row.address, Row.request_id).order_by(Row.id.desc()).limit(limit)


def counted(kinds: Collection[str], marks: Sequence[datetime]) -> Rows:
    """The number of events between each two marks, by kind; `bucket` counts the intervals from 1.

    Compares with each mark, instead of truncating dates: that works on both databases and in every time zone.
    """
    bucket = case(*((Row.at < mark, number) for number, mark in enumerate(marks)), else_=len(marks)).label("bucket")
    chosen = select(bucket, Row.kind, func.count().label("events"))
    return chosen.where(Row.at >= marks[0], Row.at < marks[-1], Row.kind.in_(kinds)).group_by(text("bucket"), Row.kind)


def _meets(wanted: EventFilter) -> list[ColumnElement[bool]]:
    asked = [
        (eq, Row.user_id, wanted.user_id),
        (eq, Row.kind, wanted.kind),
        (ge, Row.at, wanted.since),
        (lt, Row.at, wanted.until),
        (eq, Row.outcome, wanted.outcome),
        # Ids sort by time, so the index on them also finds an old page, and its partition if the table has some.
        (ge, Row.id, wanted.since and uuid7_floor(wanted.since)),
        (lt, Row.id, wanted.until and uuid7_floor(min(wanted.until, LATEST) + LATE)),
    ]
    return [compare(column, value) for compare, column, value in asked if value is not None]


def forget(user_id: UUID) -> UpdateBase:
    """Anonymizes a deleted user's events: clears address, user agent and detail."""
    return update(Row).where(Row.user_id == user_id).values(address=None, agent=None, detail={})


def forget_actor(user_id: UUID) -> UpdateBase:
    """Clears address and user agent of what a deleted user did to others; the detail stays, as it is about them."""
    to_others = or_(Row.user_id.is_(None), Row.actor_id != Row.user_id)
    return update(Row).where(Row.actor_id == user_id, to_others).values(address=None, agent=None)


_COLUMNS = (
    Row.id,
    Row.at,
    Row.kind,
    Row.outcome,
    Row.user_id,
    Row.actor_id,
    Row.session_id,
    Row.address,
    Row.agent,
    Row.request_id,
    Row.detail,
)
