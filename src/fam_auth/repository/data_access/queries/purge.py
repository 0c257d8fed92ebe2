"""Statements that clear what has expired."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, FromClause, Table, delete
from sqlalchemy.sql.dml import UpdateBase


def dying(table: FromClause) -> list[Column[Any]]:
    """The columns of a feature's table that say when a row is to be forgotten."""
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    return [column for column in table.columns if column.info.get("dies")]


def expired(column: Column[Any], before: datetime) -> UpdateBase:
    """Deletes the rows whose moment in this column is before another."""
    return delete(column.table).where(column < before)
