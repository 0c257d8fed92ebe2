"""Statements about mails to send."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, delete, insert, select, type_coerce, update
from sqlalchemy.sql.dml import Update, UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import Filled, built_once, under
from fam_auth.events import MailExpired, MailFailed
from fam_auth.models import Outbox, User

ERRAND = "errand:"
"""What the kind of an errand begins with; its name follows."""
GIVEN_UP = (MailFailed.kind, MailExpired.kind)
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


def add(now: datetime, only_if: Filled | None = None, **columns: Any) -> Filled:
    """A mail to send at once; `content` is sealed. With `only_if` there is one only where that condition holds."""
    row = {**columns, "tries": 0, "created_at": now, "due_at": now}
    if only_if is None:
        return _add(**row)
    return under(only_if, _add_if, **row)


@built_once
def _add(**columns: Any) -> UpdateBase:
    return insert(Outbox).values(**columns)


def _add_if(condition: ColumnElement[bool], **columns: Any) -> UpdateBase:
    values = [type_coerce(value, Outbox.__table__.c[name].type) for name, value in columns.items()]
    return insert(Outbox).from_select(list(columns), select(*values).where(condition))


def mails() -> ColumnElement[bool]:
    """What is no errand: mails, and requests."""
    return Outbox.kind.not_like(f"{ERRAND}%")


def errands(names: Collection[str]) -> ColumnElement[bool]:
    """The errands of these names: those of another program are left to it."""
    return Outbox.kind.in_([ERRAND + name for name in names])


def lease(which: ColumnElement[bool], now: datetime, until: datetime, limit: int) -> UpdateBase:
    """Takes some that are due for one worker: nobody else gets them before `until`.

    With the languages of their users.
    """
    due = (
        select(Outbox.id)
        .where(which, Outbox.done_at.is_(None), Outbox.due_at <= now)
        .order_by(Outbox.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return take(due, until)


def take(due: ScalarSelect[Any], until: datetime) -> UpdateBase:
    """Takes the rows with these ids until then, and returns them with the languages of their users."""
    locale = select(User.locale).where(User.id == Outbox.user_id).correlate(Outbox).scalar_subquery().label("locale")
    taken = update(Outbox).where(Outbox.id.in_(due)).values(due_at=until, tries=Outbox.tries + 1)
    return taken.returning(*COLUMNS, locale)


def done(mail_id: UUID, outcome: str, now: datetime) -> Update:
    """The mail was sent, failed or expired; what it said is forgotten."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome, content=None)


def answered(request_id: UUID, now: datetime) -> UpdateBase:
    """Uses a request up: returns it once, and nothing for one that is void, which says nothing any more."""
    return done(request_id, "answered", now).where(Outbox.content.is_not(None)).returning(Outbox.id)


def void(user_id: UUID, kind: str, now: datetime) -> UpdateBase:
    """What a user has asked for and was not answered yet is void."""
    theirs = (Outbox.user_id == user_id, Outbox.kind == kind, Outbox.content.is_not(None))
    return update(Outbox).where(*theirs).values(done_at=now, outcome="void", content=None)


def failed(mail_id: UUID, outcome: str, now: datetime) -> UpdateBase:
    """Nobody takes the mail. What it said stays as long as the row, so that it can be sent again."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome)


def page(*, done: bool, after: UUID | None, limit: int) -> Rows:
    """A page of what waits, or of what was given up, newest first; never with what it says."""
    given_up = Outbox.outcome.in_(GIVEN_UP)
    chosen = select(*SHOWN).where(mails(), given_up if done else Outbox.done_at.is_(None))
    older = [] if after is None else [Outbox.id < after]
    return chosen.where(*older).order_by(Outbox.id.desc()).limit(limit)


def retry(mail_id: UUID, now: datetime) -> UpdateBase:
    """The mail is due now, whether it waits or was given up, and its id returned; nothing when it is worth nothing."""
    is_there = (Outbox.id == mail_id, mails(), Outbox.content.is_not(None), Outbox.expires_at > now)
    return update(Outbox).where(*is_there).values(due_at=now, done_at=None, outcome=None).returning(Outbox.id)


def again(mail_id: UUID, due_at: datetime, reason: str | None = None) -> UpdateBase:
    """The mail is tried again later."""
    return update(Outbox).where(Outbox.id == mail_id).values(due_at=due_at, outcome=reason)


def give_up(errand_id: UUID, reason: str, until: datetime) -> UpdateBase:
    """The errand was tried for too long. What it says is kept until then, so that it can be sent again by hand."""
    return update(Outbox).where(Outbox.id == errand_id).values(done_at=until, outcome=reason)


def revive(prefix: str, now: datetime, expires_at: datetime, errand_id: UUID | None = None) -> UpdateBase:
    """Errands that were given up are due again; None: all of them."""
    chosen = [] if errand_id is None else [Outbox.id == errand_id]
    fresh = {"done_at": None, "outcome": None, "tries": 0, "due_at": now, "expires_at": expires_at}
    return update(Outbox).where(*_given_up(prefix), *chosen).values(**fresh).returning(Outbox.id)


def undone(prefix: str, limit: int) -> Rows:
    """Errands that wait or were given up, newest first."""
    left = select(*COLUMNS, Outbox.due_at, Outbox.done_at, Outbox.outcome)
    return left.where(*_kept(prefix)).order_by(Outbox.id.desc()).limit(limit)


def _given_up(prefix: str) -> tuple[ColumnElement[bool], ...]:
    return (*_kept(prefix), Outbox.done_at.is_not(None))


def _kept(prefix: str) -> tuple[ColumnElement[bool], ...]:
    return Outbox.kind.startswith(ERRAND + prefix, autoescape=True), Outbox.content.is_not(None)


def forget(user_id: UUID) -> UpdateBase:
    """Deletes the mails of a user, sent or waiting."""
    return delete(Outbox).where(Outbox.user_id == user_id)
