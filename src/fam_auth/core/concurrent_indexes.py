"""Building indexes on PostgreSQL without blocking writes: those on existing tables, which migrations leave out."""

from collections.abc import Iterator, Sequence

from sqlalchemy import MetaData, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, ExecutableDDLElement

from fam_auth.core.migrations import History

# After an interrupted CREATE INDEX CONCURRENTLY an invalid index remains, which is unused but occupies the name.
BROKEN = """
SELECT index.relname FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE NOT indisvalid AND index.relkind = 'i' AND index.relnamespace = to_regnamespace(:schema)
"""
PARTITIONED = "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = to_regnamespace(:schema)"


async def build(connection: AsyncConnection, metadata: MetaData, histories: Sequence[History], schema: str) -> None:
    """Create all missing indexes of these histories, and replace invalid ones.

    `connection` must be in autocommit mode, and the caller must hold the lock of all migrations: another process that
    builds an index at the same time has an invalid one until it is done.
    """
    await connection.execute(text("SET statement_timeout = 0"))
    await connection.execute(text("SET lock_timeout = 0"))
    broken = (await connection.execute(text(BROKEN), {"schema": f'"{schema}"'})).scalars().all()
    for name in broken:
        await connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{schema}"."{name}"'))
    for statement in await connection.run_sync(missing, metadata, histories, schema):
        await connection.execute(statement)
    await connection.execute(text("RESET statement_timeout"))
    await connection.execute(text("RESET lock_timeout"))


def missing(
    connection: Connection, metadata: MetaData, histories: Sequence[History], schema: str
) -> list[ExecutableDDLElement]:
    """The statements that create the missing indexes.

    Indexes of partitioned tables lock the table, because PostgreSQL cannot build those concurrently.
    """
    return list(_missing(connection, metadata, {name for one in histories for name in one.tables}, schema))


def _missing(
    connection: Connection, metadata: MetaData, names: set[str], schema: str
) -> Iterator[ExecutableDDLElement]:
    inspector = inspect(connection)
    partitioned = set(connection.execute(text(PARTITIONED), {"schema": f'"{schema}"'}).scalars())
    for table in metadata.sorted_tables:
        if table.name not in names or not inspector.has_table(table.name, schema=schema):
            continue
        present = {index["name"] for index in inspector.get_indexes(table.name, schema=schema)}
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            if index.name not in present:
                index.dialect_options["postgresql"]["concurrently"] = table.name not in partitioned
                yield CreateIndex(index, if_not_exists=True)
