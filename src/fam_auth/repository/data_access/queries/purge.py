"""Statements that clear what has expired."""

from datetime import datetime

from sqlalchemy import FromClause, Table, delete
from sqlalchemy.sql.dml import UpdateBase


def expired(table: FromClause, before: datetime) -> UpdateBase:
    """Deletes the rows of a feature's table that expired before a moment."""
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    return delete(table).where(table.c.expires_at < before)
