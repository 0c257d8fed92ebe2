"""Statements for the export of a user's data."""

from uuid import UUID

from sqlalchemy import FromClause, select

from fam_auth.core.database import Rows
from fam_auth.models import Event, User
from fam_auth.repository.data_access.queries.events import Column, seen_by_owner


def of_user(table: FromClause, user_id: UUID) -> Rows:
    """Every row of the user, without secret columns and without addresses and user agents of administrators."""
    owner = table.c.id if table is User.__table__ else table.c.user_id
    shown: list[Column] = [column for column in table.c if not column.info.get("secret")]
    if table is Event.__table__:
        shown = [seen_by_owner(column) for column in shown]
    return select(*shown).where(owner == user_id)
