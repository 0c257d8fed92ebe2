"""Statements about values that rest on one of several secrets; each begins with the number of its secret."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, ColumnElement, false, func, not_, or_, select, update
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows


def resting(column: Column[str], versions: Sequence[int], limit: int) -> Rows:
    """Some rows whose value rests on one of these secrets."""
    chosen = select(column.table.c.id, column.label("value"))
    return chosen.where(column.is_not(None), _rests_on(column, versions)).limit(limit)


def count_older(column: Column[str], versions: Sequence[int]) -> Rows:
    """How many values rest on none of these secrets."""
    counted = select(func.count()).select_from(column.table)
    return counted.where(column.is_not(None), not_(_rests_on(column, versions)))


def replace(column: Column[str], row_id: UUID, old: str, new: str) -> UpdateBase:
    """Puts a new value in the place of an old one, if that is still there."""
    table = column.table
    return update(table).where(table.c.id == row_id, column == old).values({column.name: new})


def _rests_on(column: Column[str], versions: Sequence[int]) -> ColumnElement[bool]:
    start = "v1." if column.info.get("sealed") else ""
    return or_(false(), *(column.startswith(f"{start}{version}.") for version in versions))
