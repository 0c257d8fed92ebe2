"""Statements about the outbox: mails, requests and event jobs."""

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
"""The prefix of an event job's `kind`; the job's name follows."""
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
    """Queues a mail to send at once; `content` is encrypted. With `only_if`, only if that condition holds."""
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
    """Everything but event jobs: mails and requests."""
    return Outbox.kind.not_like(f"{ERRAND}%")


def errands(names: Collection[str]) -> ColumnElement[bool]:
    """The event jobs with these names. Jobs that only another program of the application knows are left to it."""
    return Outbox.kind.in_([ERRAND + name for name in names])


def lease(which: ColumnElement[bool], now: datetime, until: datetime, limit: int) -> UpdateBase:
    """Leases due rows to one worker: no other worker gets them before `until`. Returns them as `take` does."""
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
    """Leases the rows with these ids until that moment, and returns them with their users' languages (`locale`)."""
    locale = select(User.locale).where(User.id == Outbox.user_id).correlate(Outbox).scalar_subquery().label("locale")
    taken = update(Outbox).where(Outbox.id.in_(due)).values(due_at=until, tries=Outbox.tries + 1)
    return taken.returning(*COLUMNS, locale)


def done(mail_id: UUID, outcome: str, now: datetime) -> Update:
    """Marks the row as done with this outcome, and deletes its content."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome, content=None)


def answered(request_id: UUID, now: datetime) -> UpdateBase:
    """Consumes a request: returns its id once, and nothing for a void request, which has no content any more."""
    return done(request_id, "answered", now).where(Outbox.content.is_not(None)).returning(Outbox.id)


def void(user_id: UUID, kind: str, now: datetime) -> UpdateBase:
    """Makes a user's unanswered requests void."""
    theirs = (Outbox.user_id == user_id, Outbox.kind == kind, Outbox.content.is_not(None))
    return update(Outbox).where(*theirs).values(done_at=now, outcome="void", content=None)


def failed(mail_id: UUID, outcome: str, now: datetime) -> UpdateBase:
    """Marks the mail as failed. Its content stays as long as the row, so that it can be sent again."""
    return update(Outbox).where(Outbox.id == mail_id).values(done_at=now, outcome=outcome)


def page(*, done: bool, after: UUID | None, limit: int) -> Rows:
    """A page of waiting mails, or (`done`) of failed ones, newest first; never with their content."""
    given_up = Outbox.outcome.in_(GIVEN_UP)
    chosen = select(*SHOWN).where(mails(), given_up if done else Outbox.done_at.is_(None))
    older = [] if after is None else [Outbox.id < after]
    return chosen.where(*older).order_by(Outbox.id.desc()).limit(limit)


def retry(mail_id: UUID, now: datetime) -> UpdateBase:
    """Makes a waiting or failed mail due now; returns its id, and nothing if it has expired."""
    is_there = (Outbox.id == mail_id, mails(), Outbox.content.is_not(None), Outbox.expires_at > now)
    return update(Outbox).where(*is_there).values(due_at=now, done_at=None, outcome=None).returning(Outbox.id)


def again(mail_id: UUID, due_at: datetime, reason: str | None = None) -> UpdateBase:
    """Retries the row at `due_at`; `reason` is why it failed."""
    return update(Outbox).where(Outbox.id == mail_id).values(due_at=due_at, outcome=reason)


def give_up(job_id: UUID, reason: str, until: datetime) -> UpdateBase:
    """Marks the event job as failed. Its content stays until that moment, so that an operator can run it again."""
    return update(Outbox).where(Outbox.id == job_id).values(done_at=until, outcome=reason)


def revive(prefix: str, now: datetime, expires_at: datetime, job_id: UUID | None = None) -> UpdateBase:
    """Makes the failed event job with this id due again; None: all of them."""
    chosen = [] if job_id is None else [Outbox.id == job_id]
    fresh = {"done_at": None, "outcome": None, "tries": 0, "due_at": now, "expires_at": expires_at}
    return update(Outbox).where(*_given_up(prefix), *chosen).values(**fresh).returning(Outbox.id)


def undone(prefix: str, limit: int) -> Rows:
    """Event jobs that wait or have failed for good, newest first."""
    left = select(*COLUMNS, Outbox.due_at, Outbox.done_at, Outbox.outcome)
    return left.where(*_kept(prefix)).order_by(Outbox.id.desc()).limit(limit)


def _given_up(prefix: str) -> tuple[ColumnElement[bool], ...]:
    return (*_kept(prefix), Outbox.done_at.is_not(None))


def _kept(prefix: str) -> tuple[ColumnElement[bool], ...]:
    return Outbox.kind.startswith(ERRAND + prefix, autoescape=True), Outbox.content.is_not(None)


def forget(user_id: UUID) -> UpdateBase:
    """Deletes the mails of a user, sent or waiting."""
    return delete(Outbox).where(Outbox.user_id == user_id)
