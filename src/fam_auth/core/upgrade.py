"""Running the migrations with Alembic. Import it only to run migrations: Alembic takes a second to import."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any, Literal

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import BLANK_SCHEMA, JSON, DateTime, MetaData, TypeDecorator, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from fam_auth.core import concurrent_indexes
from fam_auth.core.database import Database
from fam_auth.core.migrations import History, environment, revision

# The key of the advisory lock. Any number works, as long as every version of the package uses the same.
LOCK = 0x66616D61757468
TURN_SECONDS = 0.2
LOCKING = re.compile(r"^(ALTER TABLE|DROP TABLE|CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)|UPDATE|DELETE)", re.MULTILINE)


async def upgrade(database: Database, histories: Sequence[History]) -> None:
    """Run all pending migrations. Of several processes that do so at once, one works and the others wait."""
    async with _turn(database) as connection:
        for history in histories:
            await connection.run_sync(_upgrade, history, database.schema)
    if database.schema is not None:
        await _build_indexes(database, histories, database.schema)


async def plan(database: Database, histories: Sequence[History]) -> str:
    """The SQL that `upgrade` would run, with a comment before statements that lock a table; empty if up to date."""
    async with database.engine.connect() as connection:
        parts = [await connection.run_sync(_plan, history, database.schema) for history in histories]
        schema = database.schema
        parts += [] if schema is None else await connection.run_sync(_planned_indexes, histories, schema)
    return LOCKING.sub(r"-- locks the table while it runs:\n\g<0>", "\n".join(filter(None, parts)))


async def drift(database: Database, histories: Sequence[History]) -> list[str]:
    """The differences between the tables and the models, one line each; empty when they agree."""
    async with database.engine.connect() as connection:
        found = [await connection.run_sync(_drift, history, database.schema) for history in histories]
    return [str(difference) for one in found for difference in one]


def options(history: History, schema: str | None) -> dict[str, Any]:
    """Alembic's options for one history. It sees only the tables of that history."""

    def is_own(thing: Any, name: str | None, kind: str, *_: object) -> bool:
        owner = name if kind == "table" else thing.table.name
        return owner in history.tables

    return {
        "target_metadata": _translated(history.metadata, schema),
        "version_table": history.version_table,
        "version_table_schema": schema,
        "include_schemas": schema is not None,
        "include_name": lambda name, kind, _: kind != "schema" or name == schema,
        "include_object": is_own,
        # SQLite cannot alter most of a table, so Alembic copies it.
        "render_as_batch": schema is None,
        "render_item": _plainly,
        "transactional_ddl": False,
    }


def _plainly(kind: str, thing: Any, context: Any) -> str | Literal[False]:
    """Writes SQLAlchemy's own types into migrations, so that old migrations still work when our types change."""
    if kind == "type" and isinstance(thing, TypeDecorator) and isinstance(thing.impl_instance, DateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, JSON):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def _translated(metadata: MetaData, schema: str | None) -> MetaData:
    """A copy of the tables in the configured schema."""
    translated = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        # SQLAlchemy expects None for "no schema" in one argument and BLANK_SCHEMA in the other; its types say neither.
        table.to_metadata(translated, schema=schema, referred_schema_fn=lambda *_: schema or BLANK_SCHEMA)  # type: ignore[arg-type]
    return translated


@asynccontextmanager
async def _turn(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that holds the lock of all migrations. On SQLite, BEGIN IMMEDIATE has locked the file already.

    Each attempt to get the lock is a short transaction of its own. CREATE INDEX CONCURRENTLY waits for every older
    snapshot, so a process that waited for the lock with one would deadlock with the process that holds it and builds.
    """
    async with database.engine.connect() as connection:
        while True:
            async with connection.begin():
                if database.schema is None or await _takes(connection, database.schema):
                    yield connection
                    return
            await asyncio.sleep(TURN_SECONDS)


async def _takes(connection: AsyncConnection, schema: str) -> bool:
    """Tries to get the lock and prepares the transaction for migrations. Returns whether it got the lock.

    Migrations name no schema, because it is a setting; the search path puts their tables into it.
    """
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    if not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return False
    await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    await connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    return True


async def _build_indexes(database: Database, histories: Sequence[History], schema: str) -> None:
    """Builds the indexes that migrations leave out. PostgreSQL requires that this runs outside of a transaction."""
    async with _turn(database), database.autocommit.connect() as connection:
        await concurrent_indexes.build(connection, _translated(histories[0].metadata, schema), histories, schema)


def _planned_indexes(connection: Connection, histories: Sequence[History], schema: str) -> list[str]:
    wanted = concurrent_indexes.missing(connection, _translated(histories[0].metadata, schema), histories, schema)
    return [f"{statement.compile(dialect=connection.dialect)};" for statement in wanted]


def configured(history: History, schema: str | None, **attributes: object) -> Config:
    """Alembic's configuration for one history, in place of an ini file."""
    made = Config()
    made.set_main_option("script_location", str(environment()).replace("%", "%%"))
    made.set_main_option("version_locations", str(history.folder).replace("%", "%%"))
    made.set_main_option("path_separator", "newline")
    made.attributes.update(options=options(history, schema), **attributes)
    return made


def _upgrade(connection: Connection, history: History, schema: str | None) -> None:
    command.upgrade(configured(history, schema, connection=connection), "head")


def _plan(connection: Connection, history: History, schema: str | None) -> str:
    present = revision(connection, schema, history)
    if present == history.head:
        return ""
    out = StringIO()
    made = configured(history, schema, dialect=connection.dialect.name)
    made.output_buffer = out
    command.upgrade(made, f"{present or 'base'}:head", sql=True)
    return out.getvalue()


def _drift(connection: Connection, history: History, schema: str | None) -> list[Any]:
    made = options(history, schema)
    context = MigrationContext.configure(connection, opts=made)
    return list(compare_metadata(context, made["target_metadata"]))
