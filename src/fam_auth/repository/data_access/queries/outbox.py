"""Statements about mails to send."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, literal, select, update
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.models import Outbox, User

GIVEN_UP = ("mail.failed", "mail.expired")
SHOWN = (
    Outbox.id,
    Outbox.user_id,
    Outbox.kind,
    Outbox.tries,
    Outbox.created_at,
    Outbox.due_at,
    Outbox.expires_at,
    Outbox.done_at,
    Outbox.outcome,
    Outbox.content.is_not(None).label("has_content"),
)
COLUMNS = (Outbox.id, Outbox.user_id, Outbox.kind, Outbox.content, Outbox.tries, Outbox.created_at, Outbox.expires_at)


def add(now: datetime, only_if: ColumnElement[bool] | None = None, **columns: Any) -> UpdateBase:
    """A mail to send at once; `content` is sealed. With `only_if` there is one only where that holds."""
    row = {**columns, "tries": 0, "created_at": now, "due_at": now}
    if only_if is None:
        return insert(Outbox).values(**row)
    table = Outbox.__table__
    values = [literal(value, table.c[name].type) for name, value in row.items()]
    return insert(Outbox).from_select(list(row), select(*values).where(only_if))


def lease(now: datetime, until: datetime, limit: int) -> UpdateBase:
    """Takes mails that are due for one worker: nobody else gets them before `until`. With the users' languages."""
    due = (
        select(Outbox.id)
        .where(Outbox.done_at.is_(None), Outbox.due_at <= now)
        .order_by(Outbox.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    locale = select(User.locale).where(User.id == Outbox.user_id).correlate(Outbox).scalar_subquery().label("locale")
    taken = update(Outbox).where(Outbox.id.in_(due)).values(due_at=until, tries=Outbox.tries + 1)
    return taken.returning(*COLUMNS, locale)


def done(mail_id: UUID, outcome: str, now: datetime) -> UpdateBase:
    """The mail was sent, failed or expired; what it said is forgotten."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome, content=None)


def failed(mail_id: UUID, outcome: str, now: datetime) -> UpdateBase:
    """Nobody takes the mail. What it said stays as long as the row, so that it can be sent again."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome)


def page(*, done: bool, after: UUID | None, limit: int) -> Rows:
    """A page of what waits, or of what was given up, newest first; never with what it says."""
    given_up = Outbox.outcome.in_(GIVEN_UP)
    chosen = select(*SHOWN).where(given_up if done else Outbox.done_at.is_(None))
    older = [] if after is None else [Outbox.id < after]
    return chosen.where(*older).order_by(Outbox.id.desc()).limit(limit)


def retry(mail_id: UUID, now: datetime) -> UpdateBase:
    """The mail is due now, whether it waits or was given up, and its id returned; nothing when it is worth nothing."""
    is_there = (Outbox.id == mail_id, Outbox.content.is_not(None), Outbox.expires_at > now)
    return update(Outbox).where(*is_there).values(due_at=now, done_at=None, outcome=None).returning(Outbox.id)


def again(mail_id: UUID, due_at: datetime) -> UpdateBase:
    """The mail is tried again later."""
    return update(Outbox).where(Outbox.id == mail_id).values(due_at=due_at)


def forget(user_id: UUID) -> UpdateBase:
    """Deletes the mails of a user, sent or waiting."""
    return delete(Outbox).where(Outbox.user_id == user_id)


def purge(before: datetime) -> UpdateBase:
    """Deletes mails that were done with before a moment."""
    return delete(Outbox).where(Outbox.done_at < before)
