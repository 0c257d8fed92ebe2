"""Statements that read what a table keeps of a user."""

from uuid import UUID

from sqlalchemy import FromClause, select

from fam_auth.core.database import Rows
from fam_auth.models import User


def of_user(table: FromClause, user_id: UUID) -> Rows:
    """Every row of the user, without the columns that are secrets."""
    owner = table.c.id if table is User.__table__ else table.c.user_id
    return select(*(column for column in table.c if not column.info.get("secret"))).where(owner == user_id)
