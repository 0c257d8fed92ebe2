"""More than one machine, on loopback: workers behind a proxy, a pooler, a standby that takes over, upgrades."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from fam_auth import Auth
from fam_auth.core.upgrade import upgrade
from fam_auth.exceptions import Misconfigured, Unavailable
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import invalidation
from tests.conftest import SECRETS, migrate
from tests.support import postgres
from tests.support.fleet import ROOT, Fleet, before_the_newest_migration, fleet, migrated
from tests.support.load import Ran, contradictions, load
from tests.support.middle import haproxy, pgbouncer
from tests.support.postgres import Server
from tests.support.results import note

WORKERS, QUIET = 4, 5.0
CALM = {"FAM_AUTH_DRAIN": "PT1.5S"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.scratch(fsync="on", shared_buffers="256MB") as own:
        yield own


@pytest.fixture
def empty(server: Server) -> str:
    return postgres.create_database(server.url, f"scale_{uuid4().hex}")


@pytest.fixture
def database(empty: str) -> str:
    migrate(empty)
    return empty


async def under_load(name: str, url: str, database: str, deed: Callable[[], Awaitable[float | None]]) -> Ran:
    """People use the service before, during and after a deed, which returns when a fault began, if it is one."""
    ran, enough = Ran(), asyncio.Event()
    task = asyncio.create_task(load(url, 300, ran, enough=enough))
    await asyncio.sleep(QUIET)
    began = await deed()
    await asyncio.sleep(QUIET)
    enough.set()
    await task
    wrong = contradictions(database, ran)
    lost = sum(one.startswith("lost") for one in wrong)
    back = "" if began is None else f"{ran.writes_after(began):.2f} s"
    note("scenarios", name, f"{ran.requests:,}", ran.failures, lost, f"{ran.slowest:.2f} s", back)
    assert wrong == []
    assert 500 not in ran.seen()
    return ran


async def some_time() -> None:
    await asyncio.sleep(10)


async def rolled(workers: Fleet, source: Path = ROOT) -> None:
    """One worker after the other is replaced."""
    for place in range(WORKERS):
        await workers.stop(place)
        await workers.start(place, source)


async def test_four_workers_behind_a_proxy(database: str, tmp_path: Path) -> None:
    async with fleet(tmp_path, [database] * WORKERS, CALM) as workers:
        with haproxy(tmp_path, workers.ports) as url:
            ran = await under_load("four workers behind haproxy", url, database, some_time)
    assert ran.refusals == {}


async def test_r017_a_rolling_restart(database: str, tmp_path: Path) -> None:
    async with fleet(tmp_path, [database] * WORKERS, CALM) as workers:
        with haproxy(tmp_path, workers.ports) as url:
            ran = await under_load("rolling restart", url, database, lambda: rolled(workers))
    assert ran.refusals == {}


async def test_r016_a_rolling_upgrade(empty: str, tmp_path: Path) -> None:
    """The code of before the newest migration works on, while its schema is migrated and it is replaced."""
    old = before_the_newest_migration(tmp_path / "old")
    migrated(tmp_path, empty, old)

    async def upgraded() -> None:
        await asyncio.to_thread(migrated, tmp_path, empty)
        await rolled(workers)

    async with fleet(tmp_path, [empty] * WORKERS, CALM, old) as workers:
        with haproxy(tmp_path, workers.ports) as url:
            ran = await under_load("rolling upgrade, schema first", url, empty, upgraded)
    assert ran.refusals == {}


@pytest.fixture
def role(server: Server, database: str) -> Iterator[str]:
    """The URL for a role that has deadlines of its own."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("CREATE ROLE app LOGIN SUPERUSER")
        admin.execute("ALTER ROLE app SET statement_timeout = '3s'")
        admin.execute("ALTER ROLE app SET lock_timeout = '1s'")
        yield make_url(database).set(username="app").render_as_string(hide_password=False)
        admin.execute("DROP ROLE app")


async def test_a_pooler_between(server: Server, database: str, role: str, tmp_path: Path) -> None:
    """Four workers have up to twenty connections to it, and it has four to the server."""
    with pgbouncer(role, size=4) as through:
        async with fleet(tmp_path, [through] * WORKERS, {**CALM, "FAM_AUTH_POOLER": "true"}) as workers:
            with haproxy(tmp_path, workers.ports) as url:
                ran = await under_load("pgbouncer, transactions", url, database, some_time)
        with psycopg.connect(server.url.replace("+psycopg", "")) as admin:
            row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'").fetchone()
    assert row is not None
    assert 1 <= row[0] <= 4
    assert ran.refusals == {}


def at(url: str, *, pooler: bool) -> Auth:
    settings: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}
    return Auth(url, features=[Password()], pooler=pooler, profile="production", **settings)


async def refused(auth: Auth) -> str:
    with pytest.raises(Misconfigured) as refusal:
        await auth.start()
    await auth.close()
    return str(refusal.value)


async def test_a_pooler_that_drops_timeouts_stops_the_start(database: str, role: str) -> None:
    with pgbouncer(role) as through:
        assert "Set FAM_AUTH_POOLER=true" in await refused(at(through, pooler=False))
        auth = at(through, pooler=True)
        await upgrade(auth.database, auth.histories)
        await auth.start()
        await auth.close()
    with pgbouncer(database) as through:
        assert "ALTER ROLE \"postgres\" SET statement_timeout = '3s';" in await refused(at(through, pooler=True))
    with pgbouncer(database, more="ignore_startup_parameters = options\n") as through:
        assert "drops the timeouts" in await refused(at(through, pooler=False))


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Server, Server]]:
    """A primary, and a standby without which it acknowledges nothing."""
    async with AsyncExitStack() as stack:
        primary = stack.enter_context(postgres.scratch(fsync="on", shared_buffers="128MB"))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="fam-auth-", ignore_cleanup_errors=True)))
        standby = Server(folder, {"fsync": "on", "shared_buffers": "128MB"}, primary)
        stack.callback(standby.stop)
        standby.start()
        with psycopg.connect(primary.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            admin.execute("SELECT pg_reload_conf()")
        yield primary, standby


async def test_a_standby_takes_over(pair: tuple[Server, Server], tmp_path: Path) -> None:
    primary, standby = pair
    database = postgres.create_database(primary.url, "app")
    await asyncio.to_thread(migrate, database)
    hosts = f"host=127.0.0.1:{primary.port}&host=127.0.0.1:{standby.port}&target_session_attrs=read-write"

    async def taken_over() -> float:
        began = time.monotonic()
        await asyncio.to_thread(primary.stop)
        await asyncio.sleep(1)
        await asyncio.to_thread(standby.promote)
        return began

    after = make_url(standby.url).set(database="app").render_as_string(hide_password=False)
    auth = at(after, pooler=False)
    with pytest.raises(Unavailable):
        await invalidation.read(auth)
    async with fleet(tmp_path, [f"postgresql+psycopg://postgres@/app?{hosts}"] * WORKERS, CALM) as workers:
        with haproxy(tmp_path, workers.ports) as url:
            ran = await under_load("standby promoted after 1 s", url, after, taken_over)
    assert ran.slowest <= 5.5
    assert ran.wrote_at
    assert None in await invalidation.read(auth)
    await auth.close()
