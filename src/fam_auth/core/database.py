"""Access to SQLite and PostgreSQL: engine, timeouts, transactions and single statements."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import Executable, Row, Select, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, SchemaTranslateMapType
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from fam_auth.core.statements import Filled, Statement, merged, prepared
from fam_auth.exceptions import Conflict, Misconfigured, Unavailable

SCHEMA = "fam_auth"
POOL_WAIT = timedelta(seconds=2)
CONNECT = timedelta(seconds=2)
STATEMENT = timedelta(seconds=3)
LOCK = timedelta(seconds=1)

# The package to install for a driver, where it is not named like the driver.
EXTRAS = {"psycopg": "fam-auth[postgres]"}

UNLIMITED = text(
    "SELECT name FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout') AND setting::bigint = 0"
)
REPEATS = 3
SERIALIZATION_FAILURES = {"40001", "40P01"}
CALLERS_FAULT = (IntegrityError, DataError, ProgrammingError)
# Undefined table, invalid schema, insufficient privilege: the database has changed since the start check.
OUT_OF_REACH = {"42P01", "3F000", "42501"}

if TYPE_CHECKING:
    Rows = Select[*tuple[Any, ...]]
    """A statement that returns rows. SQLAlchemy 2.0 and 2.1 spell its type differently."""
else:
    Rows = Select

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Database:
    """A database. Raises Unavailable whenever it does not answer in time.

    Behind a `pooler` in transaction mode, each transaction may use another server connection: statements are then not
    prepared, and the timeouts must be set on the role. Raises Misconfigured for a driver that does not support that.
    """

    def __init__(self, url: str, *, schema: str = SCHEMA, pool_size: int = 10, pooler: bool = False) -> None:
        self.url = parse(url)
        self.pooler = pooler
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.schema = None if self.is_sqlite else schema
        self.engine = self._engine(pool_size)
        self.autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    @asynccontextmanager
    async def transaction(self, db: AsyncSession | None = None) -> AsyncIterator[AsyncSession]:
        """A new transaction, committed at the end and rolled back on errors; or `db`, which the caller commits."""
        with answered():
            if db is None:
                async with AsyncSession(self.engine, expire_on_commit=False) as own, own.begin():
                    yield own
            else:
                await self._translate(db)
                yield db

    async def row(self, statement: Executable | Filled, db: AsyncSession | None = None) -> Row[Any] | None:
        """The first row of a statement, or None. Runs it like `rows`."""
        rows = await self.rows(statement, db)
        return rows[0] if rows else None

    async def rows(self, statement: Executable | Filled, db: AsyncSession | None = None) -> list[Row[Any]]:
        """All rows of a statement, run in the caller's transaction `db`, or alone in one round trip (autocommit)."""
        if db is not None:
            return await _rows(await db.connection(), statement)
        with answered():
            async with self.autocommit.connect() as connection:
                return await _rows(connection, statement)

    async def together(
        self, db: AsyncSession, *statements: Statement, returning: Filled | None = None
    ) -> list[Row[Any]]:
        """Run independent statements: in one round trip on PostgreSQL, one after the other on SQLite.

        Returns the rows of the statement `returning`, which runs with them. On PostgreSQL all of them see the same
        snapshot, so no two may change the same row.
        """
        connection = await db.connection()
        if not self.is_sqlite:
            result = await connection.execute(*merged(statements, returning))
            return [] if returning is None else list(result.all())
        rows = [] if returning is None else await _rows(connection, returning)
        for statement in statements:
            await _rows(connection, statement)
        return rows

    async def check_deadlines(self) -> None:
        """Raises Misconfigured when the server has no statement timeout or no lock timeout for our connections."""
        if self.is_sqlite or not await self.rows(UNLIMITED):
            return
        if not self.pooler:
            raise Misconfigured(
                "FAM_AUTH_DATABASE: a proxy in front of the server drops the timeouts that fam-auth sets, as PgBouncer "
                "does. Set FAM_AUTH_POOLER=true."
            )
        limits = f"statement_timeout = '{STATEMENT.seconds}s'", f"lock_timeout = '{LOCK.seconds}s'"
        orders = " ".join(f'ALTER ROLE "{self.url.username}" SET {limit};' for limit in limits)
        raise Misconfigured(
            "FAM_AUTH_POOLER is on, but the database role lacks timeouts, which fam-auth cannot set through a pooler. "
            f"Run {orders} and make the pooler reconnect (RECONNECT)."
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _translate(self, db: AsyncSession) -> None:
        """Makes a host's session find our tables in our schema, in addition to the host's own schema translations."""
        if own := self._translation():
            connection = await db.connection()
            options = await connection.run_sync(Connection.get_execution_options)
            _ = await connection.execution_options(
                schema_translate_map={**options.get("schema_translate_map", {}), **own}
            )

    def _translation(self) -> SchemaTranslateMapType:
        """The translation of our schema's name. Empty for the default: with one, SQLAlchemy rewrites each statement."""
        return {} if self.schema == SCHEMA else {SCHEMA: self.schema}

    def _engine(self, pool_size: int) -> AsyncEngine:
        try:
            engine = create_async_engine(
                self.url,
                execution_options={"schema_translate_map": self._translation()},
                pool_size=pool_size,
                pool_timeout=POOL_WAIT.total_seconds(),
                # A ping would cost a round trip per query; a dead connection answers 503 once instead.
                pool_pre_ping=False,
                # Parameters are addresses and digests: they belong in no exception and no log.
                hide_parameters=True,
                connect_args=self._connect_args(),
            )
        except ImportError as error:
            driver = self.url.get_driver_name()
            package = EXTRAS.get(driver, driver)
            raise Misconfigured(
                f"FAM_AUTH_DATABASE requires {driver}, which is not installed. Install {package}."
            ) from error
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_immediate)
        return engine

    def _connect_args(self) -> dict[str, Any]:
        statement, lock = (f"{limit // timedelta(milliseconds=1)}" for limit in (STATEMENT, LOCK))
        match self.url.get_driver_name():
            case "aiosqlite":
                # Without an isolation level the driver begins no transactions itself: `_begin_immediate` does.
                return {"timeout": STATEMENT.total_seconds(), "isolation_level": None}
            case "asyncpg" if self.pooler:
                raise Misconfigured(
                    "FAM_AUTH_POOLER does not work with asyncpg. Use postgresql+psycopg:// in FAM_AUTH_DATABASE."
                )
            case "asyncpg":
                settings = {"statement_timeout": statement, "lock_timeout": lock}
                return {"timeout": CONNECT.total_seconds(), "server_settings": settings}
            case _:
                options = f"-c statement_timeout={statement} -c lock_timeout={lock}"
                own = {"prepare_threshold": None} if self.pooler else {"options": options}
                return {"connect_timeout": max(2, CONNECT // timedelta(seconds=1)), **own}


async def _rows(connection: AsyncConnection, statement: Executable | Filled) -> list[Row[Any]]:
    given = prepared(statement) if isinstance(statement, Filled) else (statement, None)
    result = await connection.execute(*given)
    return list(result.all()) if result.returns_rows else []


def parse(url: str) -> URL:
    """The parsed URL. Raises Misconfigured unless it names a supported database and driver."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured("FAM_AUTH_DATABASE is not a URL such as postgresql+psycopg://host/name.") from error
    if parsed.drivername not in {"sqlite+aiosqlite", "postgresql+psycopg", "postgresql+asyncpg"}:
        raise Misconfigured(
            f"FAM_AUTH_DATABASE: {parsed.drivername} is not supported. "
            "Use postgresql+psycopg://, postgresql+asyncpg:// or sqlite+aiosqlite:///.",
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise Misconfigured("FAM_AUTH_DATABASE: SQLite requires a file, such as sqlite+aiosqlite:///./fam_auth.db.")
    return parsed


def retried(
    work: Callable[Parameters, Coroutine[Any, Any, Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """Decorate work that is safe to repeat: after a serialization failure or deadlock it runs again, up to three times.

    Work in a transaction of the caller (`db=`) is not repeated, because the caller's statements would be lost.
    """

    async def repeating(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for left in reversed(range(REPEATS)):
            try:
                return await work(*args, **kwargs)
            except Conflict:
                if not left or kwargs.get("db") is not None:
                    raise
                await asyncio.sleep(0.01 * (REPEATS - left))
        raise AssertionError  # pragma: no cover - the last round returns or raises

    repeating.__name__, repeating.__doc__ = work.__name__, work.__doc__
    return repeating


@contextmanager
def answered() -> Iterator[None]:
    """Raises Unavailable, or Conflict, for failures of the database. Errors in our own statements pass through."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in SERIALIZATION_FAILURES:
            raise Conflict from error
        if isinstance(error, CALLERS_FAULT) and getattr(error.orig, "sqlstate", None) not in OUT_OF_REACH:
            raise
        raise Unavailable from error
    except (PoolTimeout, ConnectionError, TimeoutError) as error:
        raise Unavailable from error


def _prepare_sqlite(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    """Takes the write lock at once: with SQLite's default, 1,072 of 1,200 read-modify-writes were silently lost."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
