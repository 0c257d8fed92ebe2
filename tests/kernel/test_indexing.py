"""Indexes of tables in use are built concurrently, and the audit log can be partitioned by time."""

import asyncio
import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from fam_auth import Auth
from fam_auth.core.clock import uuid7, uuid7_floor
from fam_auth.core.upgrade import drift, plan, upgrade
from fam_auth.repository.data_access.managers import events, purge
from fam_auth.values import EventFilter
from tests.conftest import OpenWorld, new_auth
from tests.support.people import Clock, Mailbox
from tests.support.plans import Statements

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
INDEX = "ix_auth_session_ended_at"


@pytest.fixture
async def auth(postgres_database: str) -> Auth:
    return new_auth(postgres_database, Clock(), Mailbox())


async def ran(auth: Auth, statement: str) -> None:
    async with auth.database.autocommit.connect() as connection:
        await connection.execute(text("SET search_path TO fam_auth"))
        await connection.execute(text(statement))
        await connection.execute(text("RESET search_path"))


async def test_missing_indexes_are_built_concurrently(auth: Auth) -> None:
    await ran(auth, f"DROP INDEX {INDEX}")
    told = await plan(auth.database, auth.histories)
    assert f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX}" in told
    assert "locks the table" not in told
    await upgrade(auth.database, auth.histories)
    assert await drift(auth.database, auth.histories) == []
    assert await plan(auth.database, auth.histories) == ""
    await auth.database.check_deadlines()
    await auth.close()


async def test_an_invalid_index_is_rebuilt(auth: Auth) -> None:
    await ran(auth, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_auth_session_ended_at'::regclass")
    await upgrade(auth.database, auth.histories)
    valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = ('fam_auth.' || :index)::regclass")
    assert [row[0] for row in await auth.database.rows(valid.bindparams(index=INDEX))] == [True]
    await auth.close()


async def test_a_process_that_waits_for_migrations_does_not_block_indexes(auth: Auth, postgres_database: str) -> None:
    await ran(auth, f"DROP INDEX {INDEX}")
    others = [new_auth(postgres_database, Clock(), Mailbox()) for _ in range(3)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(upgrade(one.database, one.histories) for one in (auth, *others)))
    assert await drift(auth.database, auth.histories) == []
    for one in (auth, *others):
        await one.close()


async def test_the_audit_log_can_be_partitioned(open_world: OpenWorld) -> None:
    """As the documentation of scale describes it."""
    world = await open_world(email_verification=False)
    auth = world.auth
    if auth.database.is_sqlite:
        pytest.skip("PostgreSQL partitions tables")
    ada = await world.person("ada@example.com")
    await ada.register()
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [recipe] = [block for block in blocks if "PARTITION BY" in block]
    plain = auth.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as admin:
        admin.execute(recipe.encode())
    assert await drift(auth.database, auth.histories) == []
    world.clock.travel(days=45)
    await ada.login()
    statements = Statements(auth.database)
    since = world.clock() - purge.DAY
    [late] = (await events.listed(auth, EventFilter(kind="session.started", since=since), None, 10)).items
    assert len((await events.listed(auth, EventFilter(), None, 10)).items) >= 3
    plans = [plan for statement, plan in (await statements.plans()).items() if "kind" in statement]
    assert "auth_event_before" not in str(plans[0])
    world.clock.travel(days=80)
    assert (await purge.purge(auth))["events"] >= 2
    assert [row.id for row in (await events.listed(auth, EventFilter(), None, 10)).items] == [late.id]
    await ran(auth, "DROP INDEX ix_auth_event_kind_id")
    assert "CREATE INDEX IF NOT EXISTS ix_auth_event_kind_id" in await plan(auth.database, auth.histories)
    await upgrade(auth.database, auth.histories)
    assert await drift(auth.database, auth.histories) == []


def test_ids_sort_by_time() -> None:
    clock = Clock()
    first, moment, second = uuid7(clock()), clock(), uuid7(clock())
    assert first < uuid7_floor(moment) < second
    assert uuid7_floor(moment) <= uuid7(moment)
