"""Statements about registrations that wait for their address to be verified."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, insert, not_, select
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.models import Registration, Session, User
from fam_auth.repository.data_access.queries import users


@built_once
def add(**columns: Any) -> UpdateBase:
    """Adds a registration; `token` is the digest of the token that the client got."""
    return insert(Registration).values(**columns)


@built_once
def standing(user_id: UUID, now: datetime) -> Rows:
    """One row about an account: `is_registered` (not created by an administrator), `is_unused`, `is_suspended`.

    Run it as a statement of its own after the address is locked, so that it sees what committed during the wait.
    """
    return select(
        exists().where(Registration.user_id == user_id).label("is_registered"),
        not_(exists().where(Session.user_id == user_id)).label("is_unused"),
        exists().where(User.id == user_id, users.is_suspended(now)).label("is_suspended"),
    )


def of_user(user_id: UUID) -> Rows:
    """The registrations that wait for an account, oldest first."""
    columns = (Registration.id, Registration.token, Registration.name)
    return select(*columns).where(Registration.user_id == user_id).order_by(Registration.id)


def remove(user_id: UUID, registration_id: UUID | None = None) -> UpdateBase:
    """Deletes one registration of an account, or (None) all of them, with what features stored for them."""
    statement = delete(Registration).where(Registration.user_id == user_id)
    return statement if registration_id is None else statement.where(Registration.id == registration_id)
