"""The base of all tables: schema, names of constraints, and column types that work on every database."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    TypeDecorator,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.sqlite.base import SQLiteDDLCompiler
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import DDLCompiler

from fam_auth.core.database import SCHEMA

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


SECRET = {"secret": True}
"""`info` of a column whose value is never shown or exported, not even to its user."""
KEYED = {**SECRET, "versioned": True}
"""`info` of a column with a keyed digest."""
SEALED = {**KEYED, "sealed": True}
"""`info` of a column with an encrypted value, which is bound to `table|id|column`."""


DIES = {"dies": True}
"""`info` of a column with a moment: rows are purged a day after it."""


def partial_index(table: str, column: str, condition: str) -> Index:
    """An index of only the rows that meet the condition, for a purge."""
    where = text(condition)
    return Index(f"ix_{table}_{column}", column, postgresql_where=where, sqlite_where=where)


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware datetime, read in UTC. SQLite stores it without the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The declarative base of every table of fam-auth."""

    metadata = MetaData(schema=SCHEMA, naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime(),
        UUID: Uuid(),
        float: Double(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[Any]: JSON().with_variant(JSONB(), "postgresql"),
    }


@compiles(ForeignKeyConstraint, "sqlite")
def _lead_to_our_tables(key: ForeignKeyConstraint, compiler: SQLiteDDLCompiler, **_: object) -> str | None:
    """Renders foreign keys into our schema on SQLite, where it is the main file.

    SQLAlchemy leaves out keys into another schema there, because that would be another file.
    """
    leads_to_us = key.elements[0].column.table.schema == SCHEMA
    words: Any = DDLCompiler if leads_to_us else type(compiler)
    text: str | None = words.visit_foreign_key_constraint(compiler, key)
    return text
