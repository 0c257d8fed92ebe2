"""Reads users from a table of the application, in any database that SQLAlchemy supports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    NullPool,
    TableClause,
    column,
    create_engine,
    distinct,
    func,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from fam_auth.exceptions import Misconfigured
from fam_auth.features.password.adoption.rows import Row, Source, Wanted

# The URL names the application's driver, often an async one; reading uses a sync driver.
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The table or view with the users."""

    url: str
    table: str
    schema: str | None = None


def opened(name: str, place: Place, wanted: Wanted) -> Source:
    """The users of a table, read by keyset pagination with one chunk in memory. Never writes.

    Raises Misconfigured if the table or a column is missing, or if ids are not unique.
    """
    engine = _engine(place.url)
    with _read(engine):
        try:
            found = [one["name"] for one in inspect(engine).get_columns(place.table, place.schema)]
        except NoSuchTableError as error:
            raise Misconfigured(f"The database has no table {place.table}. Give its name with --table.") from error
    columns = wanted.among(found)
    users = table(place.table, *map(column, columns.every()), schema=place.schema)
    rows, with_id, ids = _counted(engine, users, users.c[columns.id])
    if with_id != ids:
        raise Misconfigured(f"The column {columns.id} is not unique. Give a unique column with --id-column.")
    return Source(name, columns, lambda size: _chunks(engine, users, columns.id, size), rows - with_id)


def _chunks(engine: Engine, users: TableClause, key: str, size: int) -> Iterator[list[Row]]:
    by = users.c[key]
    last = None
    while found := _after(engine, users, by, last, size):
        yield [Row(str(values[key]), values) for values in found]
        last = found[-1][key]


def _after(engine: Engine, users: TableClause, by: ColumnElement[Any], last: object, size: int) -> list[dict[str, Any]]:
    behind = by.is_not(None) if last is None else by > last
    with _read(engine), engine.connect() as connection:
        return [
            dict(row) for row in connection.execute(select(users).where(behind).order_by(by).limit(size)).mappings()
        ]


def _counted(engine: Engine, users: TableClause, by: ColumnElement[Any]) -> tuple[int, int, int]:
    """The numbers of rows, of rows with an id, and of different ids."""
    counts = select(func.count(), func.count(by), func.count(distinct(by))).select_from(users)
    with _read(engine), engine.connect() as connection:
        rows, with_id, ids = connection.execute(counts).one()
        return rows, with_id, ids


def _engine(given: str) -> Engine:
    try:
        url = make_url(given)
        url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except ArgumentError as error:
        raise Misconfigured("The database of the application is not a URL such as postgresql://host/name.") from error
    except ImportError as error:
        raise Misconfigured(f"Reading the application's database requires {error.name}. Install it.") from error
    _check_file(url)
    return engine


def _check_file(url: URL) -> None:
    """Raises Misconfigured if the SQLite file is missing: SQLite would create an empty one."""
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise Misconfigured(f"The SQLite file {url.database} does not exist.")


@contextmanager
def _read(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        shown = engine.url.render_as_string(hide_password=True)
        raise Misconfigured(
            f"Cannot read {shown} ({type(error).__name__}). Check the URL and the permissions."
        ) from error
