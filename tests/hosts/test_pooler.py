"""A pooler between is noticed, and what it takes away has to be given back. A real pgbouncer: tests/scale."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from fam_auth.core.database import LOCK, STATEMENT
from fam_auth.exceptions import Misconfigured
from tests.conftest import new_auth
from tests.support.people import Clock, Mailbox


async def test_deadlines_of_the_role_hold_behind_a_pooler(postgres_database: str) -> None:
    auth = new_auth(postgres_database, Clock(), Mailbox(), pooler=True)
    with pytest.raises(Misconfigured, match="ALTER ROLE \"postgres\" SET statement_timeout = '3s'; ALTER ROLE"):
        await auth.start()
    await auth.database.close()
    database = postgres_database.rpartition("/")[2]
    with psycopg.connect(postgres_database.replace("+psycopg", ""), autocommit=True) as admin:
        for name, limit in (("statement_timeout", STATEMENT), ("lock_timeout", LOCK)):
            admin.execute(f"ALTER DATABASE {database} SET {name} = '{limit.seconds}s'".encode())
    await auth.start()
    async with auth.database.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert getattr(raw.driver_connection, "prepare_threshold", 0) is None
    await auth.close()


async def test_deadlines_that_a_pooler_drops_are_noticed(postgres_database: str) -> None:
    def drop(connection: DBAPIConnection, _: object) -> None:
        connection.cursor().execute("SET lock_timeout = 0")
        connection.commit()

    auth = new_auth(postgres_database, Clock(), Mailbox())
    event.listen(auth.database.engine.sync_engine, "connect", drop)
    with pytest.raises(Misconfigured, match=r"drops the deadlines.*set FAM_AUTH_POOLER=true"):
        await auth.start()
    await auth.close()


async def test_a_pooler_that_takes_no_options_is_noticed() -> None:
    async with refusing() as port:
        auth = new_auth(f"postgresql+psycopg://app@127.0.0.1:{port}/app?sslmode=disable", Clock(), Mailbox())
        with pytest.raises(Misconfigured, match=r"leads to a pooler.*set FAM_AUTH_POOLER=true"):
            await auth.start()
        await auth.close()


def test_asyncpg_does_not_go_through_one() -> None:
    with pytest.raises(Misconfigured, match=r"use postgresql\+psycopg://"):
        new_auth("postgresql+asyncpg://app@127.0.0.1/app", Clock(), Mailbox(), pooler=True)


@asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    """The port of a server that refuses as pgbouncer does."""
    fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
