"""Which migrations exist, and which of them a database has. Works without Alembic, whose import takes a second."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, String, column, inspect, literal, select, table, union_all
from sqlalchemy.engine import Connection

from fam_auth.core.database import Database, Rows, answered
from fam_auth.exceptions import Misconfigured, Unavailable

KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class History:
    """A linear history of migrations with its own version table. `tables` are the tables of `metadata` it creates."""

    name: str
    folder: Path
    metadata: MetaData
    tables: frozenset[str]

    @property
    def version_table(self) -> str:
        """The table with the current revision of this history."""
        return f"version_{self.name}"

    @property
    def head(self) -> str:
        """The latest revision. Files are numbered and named like their revision, so the last name is the head."""
        return max(path.stem for path in self.folder.glob("[0-9]*.py"))


def environment() -> Path:
    """The folder of env.py: inside the package in a wheel, at the root in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "migrations"
    return shipped if shipped.is_dir() else package.parents[1] / "migrations"


async def behind(database: Database, histories: Sequence[History]) -> list[str]:
    """The names of the histories with pending migrations.

    A database that is ahead is fine: the previous release works on the schema of the next, for deployments and
    rollbacks without downtime.
    """
    with answered():
        # Without a transaction: on SQLite it would wait for other writers.
        async with database.autocommit.connect() as connection:
            present = await connection.run_sync(_revisions, database.schema, histories)
    return [history.name for history in histories if present.get(history.name, "") < history.head]


def _revisions(connection: Connection, schema: str | None, histories: Sequence[History]) -> dict[str, str]:
    """The current revision of each history that the database has begun. Two queries, however many histories."""
    tables = set(inspect(connection).get_table_names(schema=schema))
    begun = [history for history in histories if history.version_table in tables]
    if not begun:
        return {}
    found = connection.execute(union_all(*(_version(schema, history) for history in begun)))
    return {row.name: row.version_num for row in found}


async def check(database: Database, histories: Sequence[History]) -> None:
    """Raises Misconfigured when migrations are pending, or the database does not answer."""
    try:
        late = await behind(database, histories)
    except Unavailable as error:
        if "unsupported startup parameter" in str(error.__cause__):
            raise Misconfigured(
                "FAM_AUTH_DATABASE points to a pooler such as PgBouncer. Set FAM_AUTH_POOLER=true."
            ) from error
        raise Misconfigured(
            f"FAM_AUTH_DATABASE: {database} does not respond. Start the database, or correct the URL."
        ) from error
    if late:
        raise Misconfigured(f"The database has pending migrations ({', '.join(late)}). Run `fam-auth migrate`.")


def revision(connection: Connection, schema: str | None, history: History) -> str | None:
    """The current revision of a history; None if no migration has run."""
    if not inspect(connection).has_table(history.version_table, schema=schema):
        return None
    found = connection.execute(_version(schema, history)).first()
    return found.version_num if found else None


def _version(schema: str | None, history: History) -> Rows:
    versions = table(history.version_table, column("version_num", String()), schema=schema)
    return select(literal(history.name, String()).label("name"), versions.c.version_num)
