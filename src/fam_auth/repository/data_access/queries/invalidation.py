"""Statements about the invalidation feed.

The feed must not skip a row that commits late. On PostgreSQL a row's position is the id of its transaction, and a
reader continues from the oldest transaction that is still open.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Double, FunctionElement, insert, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.models import Change

NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'auth_change')"


class Here(FunctionElement[int]):
    """The position of a change that is made now."""

    type = BigInteger()
    inherit_cache = True


class Horizon(FunctionElement[int]):
    """The position before which no further change can appear: this statement sees all of them."""

    type = BigInteger()
    inherit_cache = True


class Server(FunctionElement[float]):
    """The identity of the server: its start as seconds since the epoch; NULL: it is a standby."""

    type = Double()
    inherit_cache = True


@compiles(Here, "postgresql")
def _id_of_the_transaction(element: Here, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "pg_current_xact_id()::text::bigint"


@compiles(Horizon, "postgresql")
def _oldest_that_goes_on(element: Horizon, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@compiles(Here, "sqlite")
@compiles(Horizon, "sqlite")
def _next_row(element: FunctionElement[int], compiler: SQLCompiler, **_: object) -> str:
    """SQLite allows one writer at a time, so rows appear in the order of their ids."""
    del element, compiler
    return NEXT


@compiles(Server, "postgresql")
def _moment_of_its_start(element: Server, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "CASE WHEN NOT pg_is_in_recovery() THEN extract(epoch FROM pg_postmaster_start_time())::float8 END"


@compiles(Server, "sqlite")
def _always_this_file(element: Server, compiler: SQLCompiler, **_: object) -> str:
    del element, compiler
    return "0.0"


@built_once
def add(about: UUID | None, now: datetime) -> UpdateBase:
    """Announces that the session or user with this id has changed; None: everything has."""
    return insert(Change).values(about=about, position=Here(), at=now)


def add_all(ids: Rows, now: datetime) -> UpdateBase:
    """Announces that all of these sessions or users have changed."""
    found = ids.subquery()
    rows = select(found.c[0], Here(), literal(now, Change.at.type))
    return insert(Change).from_select(["about", "position", "at"], rows)


def since(position: int | None) -> Rows:
    """The changes from a position on (None: no changes), with `horizon`, the position for the next read.

    Returns at least one row; its `id` is NULL when nothing has changed.
    """
    here = select(Horizon().label("horizon"), Server().label("server")).subquery("now_")
    newer = Change.position >= (2**62 if position is None else position)
    return select(here.c.horizon, here.c.server, Change.id, Change.about).outerjoin_from(here, Change, newer)
