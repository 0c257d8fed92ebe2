"""Statements for the rotation of secrets: encrypted values and digests begin with the number of their secret."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, ColumnElement, false, func, not_, or_, select, update
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows


def resting(column: Column[str], versions: Sequence[int], limit: int) -> Rows:
    """Up to `limit` rows whose value uses one of these secrets."""
    chosen = select(column.table.c.id, column.label("value"))
    return chosen.where(column.is_not(None), _rests_on(column, versions)).limit(limit)


def count_older(column: Column[str], versions: Sequence[int]) -> Rows:
    """The number of values that use none of these secrets."""
    counted = select(func.count()).select_from(column.table)
    return counted.where(column.is_not(None), not_(_rests_on(column, versions)))


def replace(column: Column[str], row_id: UUID, old: str, new: str) -> UpdateBase:
    """Replaces the old value, unless it has changed meanwhile."""
    table = column.table
    return update(table).where(table.c.id == row_id, column == old).values({column.name: new})


def _rests_on(column: Column[str], versions: Sequence[int]) -> ColumnElement[bool]:
    start = "v1." if column.info.get("sealed") else ""
    return or_(false(), *(column.startswith(f"{start}{version}.") for version in versions))
