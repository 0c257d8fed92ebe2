"""Statements that clear what has expired, so many rows at a time."""

from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, delete, inspect, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import UpdateBase

Moment = Column[Any] | InstrumentedAttribute[Any]


def dying(table: FromClause) -> list[Column[Any]]:
    """The columns of a feature's table that say when a row is to be forgotten."""
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    return [column for column in table.columns if column.info.get("dies")]


def before(column: Moment, end: object, limit: int, *also: ColumnElement[bool]) -> UpdateBase:
    """Deletes the first `limit` rows whose value in this column is less than `end`, by the index on it.

    What somebody else holds at this moment is left for another time.
    """
    table = inspect(column).table
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    [key] = table.primary_key
    some = select(key).where(column < end, *also).order_by(column).limit(limit).with_for_update(skip_locked=True)
    return delete(table).where(key.in_(some))
