"""Migrated databases on PostgreSQL that are used again: emptying one costs a tenth of a new one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.support import postgres

# The catalogs that say what a database is made of. A row of one that comes, goes or changes leaves its mark in the
# count or in the newest transaction; what ANALYZE finds out is in pg_statistic.
CATALOGS = {
    "pg_attribute": "attrelid",
    "pg_attrdef": "oid",
    "pg_class": "oid",
    "pg_constraint": "oid",
    "pg_extension": "oid",
    "pg_event_trigger": "oid",
    "pg_namespace": "oid",
    "pg_policy": "oid",
    "pg_proc": "oid",
    "pg_rewrite": "oid",
    "pg_statistic": "starelid",
    "pg_trigger": "oid",
    "pg_type": "oid",
}
# The first number of an object that the server did not bring.
OURS = 16384
# Many rows once, even if they are deleted, are a larger file for ever.
LARGEST = 1024 * 1024
State = tuple[Any, ...]


@dataclass(frozen=True)
class Lent:
    """A database of the pool: its URL, its tables that were empty at the beginning, and what the rest was then."""

    url: str
    emptied: Sequence[sql.Identifier]
    kept: Sequence[sql.Identifier]
    state: State


@dataclass
class Pool:
    """Copies of `template`, each for one borrower at a time, who finds it as the migrations left it."""

    server: str
    template: str
    free: list[Lent] = field(default_factory=list)

    def borrow(self) -> Lent:
        """One that nobody else has."""
        return self.free.pop() if self.free else self._made()

    def give_back(self, lent: Lent) -> None:
        """Whoever is connected is thrown out, and the rows go. One that is changed beyond its rows goes itself."""
        with postgres.connected(lent.url) as connection:
            _alone(connection)
            fit = _state(connection, lent.kept) == lent.state and _size(connection, lent.emptied) <= LARGEST
            if fit:
                _empty(connection, lent.emptied)
        if fit:
            self.free.append(lent)
        else:
            self._drop(lent)

    def close(self) -> None:
        """Every database that was given back is gone."""
        while self.free:
            self._drop(self.free.pop())

    def _made(self) -> Lent:
        url = postgres.create_database(self.server, f"test_{uuid4().hex}", template=self.template)
        with postgres.connected(url) as connection:
            tables = [sql.Identifier(*names) for names in connection.execute(TABLES).fetchall()]
            kept = [table for table in tables if _has_rows(connection, table)]
            emptied = [table for table in tables if table not in kept]
            return Lent(url, emptied, kept, _state(connection, kept))

    def _drop(self, lent: Lent) -> None:
        postgres.drop_database(self.server, lent.url.rpartition("/")[2])


TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
SEQUENCES = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"
OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _alone(connection: psycopg.Connection[Any]) -> None:
    deadline = time.monotonic() + 10
    while connection.execute(OTHERS).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise RuntimeError("somebody does not leave a database of the tests")
        time.sleep(0.005)


def _state(connection: psycopg.Connection[Any], kept: Sequence[sql.Identifier]) -> State:
    """What a borrower may not have changed: what the database is made of, its settings, and the rows of `kept`."""
    newest = "(SELECT count(*) FROM {0} WHERE {1} >= {2}), (SELECT max(xmin::text::bigint) FROM {0} WHERE {1} >= {2})"
    marks = [
        sql.SQL(newest).format(sql.Identifier(catalog), sql.Identifier(column), sql.Literal(OURS))
        for catalog, column in CATALOGS.items()
    ]
    settings = sql.SQL(
        "(SELECT string_agg(s::text, '') FROM pg_db_role_setting s"
        " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    rows = [sql.SQL("(SELECT string_agg(t::text, '') FROM {} t)").format(table) for table in kept]
    state: State | None = connection.execute(
        sql.SQL("SELECT ") + sql.SQL(", ").join([*marks, settings, *rows])
    ).fetchone()
    assert state is not None
    return state


def _has_rows(connection: psycopg.Connection[Any], table: sql.Identifier) -> bool:
    return connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone() is not None


def _size(connection: psycopg.Connection[Any], tables: Sequence[sql.Identifier]) -> int:
    """The bytes of the largest."""
    names = sql.SQL(", ").join(sql.Literal(table.as_string(connection)) for table in tables)
    largest = connection.execute(
        sql.SQL("SELECT max(pg_relation_size(name::regclass)) FROM unnest(ARRAY[{}]) name").format(names)
    ).fetchone()
    assert largest is not None
    return int(largest[0])


def _empty(connection: psycopg.Connection[Any], tables: Sequence[sql.Identifier]) -> None:
    """No rows. In one statement: foreign keys are looked at when it is over, whatever the order of the tables."""
    deleted = sql.SQL(", ").join(
        sql.SQL("{} AS (DELETE FROM {})").format(sql.Identifier(f"part_{number}"), table)
        for number, table in enumerate(tables)
    )
    connection.execute(sql.SQL("WITH {} SELECT 1").format(deleted))
    connection.execute(SEQUENCES)
