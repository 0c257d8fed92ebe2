"""Statements about users and their addresses."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    delete,
    exists,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import UpdateBase

from fam_auth import values
from fam_auth.core.database import Rows
from fam_auth.models import Email, Registration, Session, User

COLUMNS = (
    User.id,
    Email.address,
    Email.verified_at,
    User.name,
    User.locale,
    User.key,
    User.created_at,
    User.suspended_at,
    User.suspended_until,
    User.demands,
)


def all_users() -> Rows:
    """Every user, with the columns that `value` reads."""
    return select(*COLUMNS, Email.canonical, User.suspended_reason).join(Email, Email.user_id == User.id)


def by_id(user_id: UUID | ScalarSelect[UUID]) -> Rows:
    """The user with this id."""
    return all_users().where(User.id == user_id)


def by_address(canonical: str) -> Rows:
    """The user with this canonical address, verified or not."""
    return all_users().where(Email.canonical == canonical)


def is_suspended(now: datetime) -> ColumnElement[bool]:
    """Whether a user is suspended at this moment; never NULL."""
    return User.suspended_at.is_not(None) & or_(User.suspended_until.is_(None), User.suspended_until > now)


def is_active(now: datetime) -> ColumnElement[bool]:
    """Whether a user is not suspended at this moment."""
    return not_(is_suspended(now))


def page(after: UUID | None, limit: int, search: str | None = None) -> Rows:
    """Users after `after`, oldest first; with `search`, those whose address or name contains it."""
    statement = all_users().order_by(User.id).limit(limit)
    if search is not None:
        holds = (column.icontains(search, autoescape=True) for column in (Email.address, User.name))
        statement = statement.where(or_(*holds))
    return statement if after is None else statement.where(tuple_(User.id) > tuple_(after))


def locked(user_id: UUID | ScalarSelect[UUID]) -> Rows:
    """The user and their address, both locked until the transaction ends.

    After a wait for the lock, PostgreSQL reads the locked rows again, but evaluates the rest of the statement on
    data from before the wait. So lock whatever else a decision depends on too, or read it by a later statement.
    """
    # NO KEY UPDATE lets other transactions insert rows that reference the user. Otherwise such an insert would wait for
    # this lock, while it may hold a lock that this transaction needs: a deadlock.
    return by_id(user_id).with_for_update(of=(User, Email), key_share=True)


def hold(user_ids: Rows) -> Rows:
    """Locks these users until the transaction ends, in the order of their ids: two such locks cannot deadlock."""
    return select(User.id).where(User.id.in_(user_ids)).order_by(User.id).with_for_update(key_share=True)


def claim_address(email_id: UUID, user_id: UUID, address: str, canonical: str, now: datetime) -> UpdateBase:
    """Gives the address to the user unless it is taken. Either way, returns it with its owner, and locks it.

    The SQL works on both databases; SQLAlchemy has ON CONFLICT only in its dialects, so PostgreSQL's is used.
    """
    given = postgresql.insert(Email).values(
        id=email_id, user_id=user_id, address=address, canonical=canonical, verified_at=None, created_at=now
    )
    held = given.on_conflict_do_update(index_elements=[Email.canonical], set_={"canonical": given.excluded.canonical})
    # The column by its name: SQLAlchemy does not correlate a subquery in RETURNING with the row.
    suspended = exists().where(User.id == literal_column("auth_email.user_id"), is_suspended(now))
    return held.returning(Email.user_id, Email.address, Email.verified_at, suspended.label("is_suspended"))


def add(user_id: UUID, name: str | None, locale: str | None, now: datetime) -> UpdateBase:
    """Adds a user."""
    return insert(User).values(id=user_id, name=name, locale=locale, created_at=now)


def change(user_id: UUID, fields: dict[str, Any]) -> UpdateBase:
    """Changes columns of a user."""
    return update(User).where(User.id == user_id).values(**fields)


def verify(user_id: UUID, canonical: str, now: datetime) -> UpdateBase:
    """Marks the address as verified, and returns the user's id; nothing if it is not theirs any more."""
    return (
        update(Email)
        .where(Email.user_id == user_id, Email.canonical == canonical)
        .values(verified_at=now)
        .returning(Email.user_id)
    )


def move(user_id: UUID, address: str, canonical: str, now: datetime) -> UpdateBase:
    """Replaces the user's address by another one, which counts as verified."""
    moved = {"address": address, "canonical": canonical, "verified_at": now}
    return update(Email).where(Email.user_id == user_id).values(**moved)


def forget_devices(user_id: UUID, now: datetime) -> UpdateBase:
    """Forgets the account's known browsers: their tokens are no longer accepted."""
    return update(Email).where(Email.user_id == user_id).values(devices_since=now)


def remove(user_id: UUID) -> UpdateBase:
    """Deletes a user with all rows that reference them, and returns the id."""
    return delete(User).where(User.id == user_id).returning(User.id)


def unverified(before: datetime, limit: int) -> Rows:
    """Locks the first `limit` users who never verified their address, and whose last registration is before a moment.

    Not users who have a session, which they got while addresses required no verification, and not users with a `key` of
    the application: it may have rows that reference them. Skips a user whom another
    transaction has locked or references in a new row, so that the purge waits for no lock.
    """
    unproved = select(Email.user_id).join(User).where(Email.verified_at.is_(None), Email.created_at < before)
    unused = User.key.is_(None), not_(exists().where(Session.user_id == Email.user_id))
    some = unproved.where(*unused, not_(_is_registered_since(Email.user_id, before)))
    return some.order_by(Email.created_at).limit(limit).with_for_update(skip_locked=True, of=(User, Email))


def remove_unverified(user_ids: Collection[UUID], before: datetime) -> UpdateBase:
    """Deletes those of these users for whom nobody registered since that moment; returns their ids.

    `unverified` has locked them with their addresses, and PostgreSQL read both again after the lock. Registrations are
    rows of their own, which only a statement after the lock sees.
    """
    unclaimed = not_(_is_registered_since(User.id, before))
    return delete(User).where(User.id.in_(user_ids), unclaimed).returning(User.id)


def _is_registered_since(user_id: InstrumentedAttribute[UUID], before: datetime) -> ColumnElement[bool]:
    return exists().where(Registration.user_id == user_id, Registration.created_at >= before)


def value(row: Row[Any], prefix: str = "") -> values.User:
    """The user in a row with COLUMNS, each named `prefix` plus its own name."""
    found = {column.key: getattr(row, prefix + column.key) for column in COLUMNS}
    email, verified_at, demands = (found.pop(name) for name in ("address", "verified_at", "demands"))
    return values.User(email=email, email_verified=verified_at is not None, demands=tuple(demands), **found)
