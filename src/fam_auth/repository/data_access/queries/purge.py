"""Statements that delete expired rows in batches."""

from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, delete, inspect, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import UpdateBase

Moment = Column[Any] | InstrumentedAttribute[Any]


def dying(table: FromClause) -> list[Column[Any]]:
    """The columns of a feature's table that say when a row expires (`info=DIES`)."""
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    return [column for column in table.columns if column.info.get("dies")]


def before(column: Moment, end: object, limit: int, *also: ColumnElement[bool]) -> UpdateBase:
    """Deletes the first `limit` rows with a value below `end` in this column, by the index on it.

    Skips rows that another transaction has locked; the next purge deletes them.
    """
    table = inspect(column).table
    assert isinstance(table, Table)  # noqa: S101 - every model of ours has one
    [key] = table.primary_key
    some = select(key).where(column < end, *also).order_by(column).limit(limit).with_for_update(skip_locked=True)
    return delete(table).where(key.in_(some))
