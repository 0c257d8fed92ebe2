"""Models and migrations agree; histories stand apart; many may migrate at once."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from fam_auth.core import migrations
from fam_auth.core.upgrade import drift, plan, upgrade
from tests.conftest import MakeAuth, new_auth
from tests.support import postgres
from tests.support.people import Clock, Mailbox


@pytest.fixture
def empty(postgres_server: str) -> Iterator[str]:
    name = f"empty_{uuid4().hex}"
    yield postgres.create_database(postgres_server, name)
    postgres.drop_database(postgres_server, name)


async def test_models_and_migrations_agree(make_auth: MakeAuth) -> None:
    auth = make_auth()
    assert await drift(auth.database, auth.histories) == []
    assert await plan(auth.database, auth.histories) == ""
    assert await migrations.behind(auth.database, auth.histories) == []
    await auth.close()


async def test_drift_is_noticed(make_auth: MakeAuth) -> None:
    auth = make_auth()
    table = "auth_user" if auth.database.is_sqlite else "fam_auth.auth_user"
    async with auth.database.autocommit.connect() as connection:
        await connection.execute(text(f"ALTER TABLE {table} DROP COLUMN locale"))
    assert "locale" in str(await drift(auth.database, auth.histories))
    await auth.close()


async def test_a_database_ahead_of_the_code_is_accepted(make_auth: MakeAuth) -> None:
    auth = make_auth()
    table = "version_kernel" if auth.database.is_sqlite else "fam_auth.version_kernel"
    async with auth.database.autocommit.connect() as connection:
        await connection.execute(text(f"UPDATE {table} SET version_num = '9999_future'"))  # noqa: S608 - a name of ours
    await auth.start()
    await auth.close()


async def test_a_schema_of_another_name(empty: str) -> None:
    auth = new_auth(empty, Clock(), Mailbox(), db_schema="other")
    assert "CREATE TABLE auth_user" in await plan(auth.database, auth.histories)
    await upgrade(auth.database, auth.histories)
    assert await drift(auth.database, auth.histories) == []
    assert await migrations.behind(auth.database, auth.histories) == []
    await auth.close()
    usual = new_auth(empty, Clock(), Mailbox())
    assert await migrations.behind(usual.database, usual.histories) == ["kernel", "password"]
    await usual.close()


async def test_asyncpg_works_too(postgres_database: str) -> None:
    auth = new_auth(postgres_database.replace("+psycopg", "+asyncpg"), Clock(), Mailbox())
    await auth.start()
    assert await drift(auth.database, auth.histories) == []
    await auth.close()
