"""Faults while the service works: nothing acknowledged is lost, nothing is done twice, every request ends in time."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.conftest import migrate
from tests.support import postgres
from tests.support.load import TABLE, Ran, contradictions, load
from tests.support.postgres import Server
from tests.support.service import Service, free_port, service

SECONDS = float(os.environ.get("FAM_AUTH_TEST_SECONDS", "4"))
LONGEST = 5.5
SETTINGS: dict[str, Any] = {
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
    "FAM_AUTH_FEATURES": "password",
    "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "100000/1h",
    "FAM_AUTH_THROTTLE__REFRESH": "100000/1m",
}


@dataclass
class Rig:
    """A server and a service with two workers on it; both may be hurt."""

    server: Server
    database: str
    service: Service

    @property
    def workers(self) -> list[int]:
        """The processes that answer; the first one is Python's own helper of the parent."""
        pid = self.service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]

    async def under(self, name: str, fault: Callable[[], AsyncIterator[None]], *, actions: str = "mixed") -> Ran:
        """Load before, during and after a fault; the fault is over where it yields. Returns what was seen."""
        ran = Ran()
        task = asyncio.create_task(load(self.service.url, 3 * SECONDS, ran, actions=actions))
        await asyncio.sleep(SECONDS)
        over = 0.0
        async for _ in fault():
            over = time.monotonic()
        await task
        wrong = contradictions(self.database, ran)
        lost = sum(one.startswith("lost") for one in wrong)
        figures = (ran.requests, lost, len(wrong) - lost, f"{ran.slowest:.2f}", f"{ran.back_after(over):.2f}")
        TABLE.append((name, *(str(figure) for figure in figures)))
        assert wrong == []
        assert ran.slowest <= LONGEST
        assert 500 not in ran.seen()
        return ran


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.scratch(fsync="on") as own:
        yield own


@pytest.fixture
def database(server: Server) -> str:
    """A database of the test's own, on the server that will be hurt."""
    made = postgres.create_database(server.url, f"faults_{uuid4().hex}")
    migrate(made)
    return made


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe of 4 kB from which nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def rig(server: Server, database: str, tmp_path: Path) -> Iterator[Rig]:
    with service(tmp_path, database, workers=2, **SETTINGS) as running:
        yield Rig(server, database, running)


async def test_r01_the_database_stops(rig: Rig) -> None:
    async def fault() -> AsyncIterator[None]:
        await asyncio.to_thread(rig.server.stop)
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(rig.server.start)
        yield

    ran = await rig.under("R-01 database stopped", fault)
    assert ran.seen() <= {200, 201, 204, 401, 503}
    assert float(TABLE[-1][-1]) <= 2


async def test_r02_the_database_freezes(rig: Rig) -> None:
    async def fault() -> AsyncIterator[None]:
        rig.server.freeze()
        await asyncio.sleep(SECONDS)
        rig.server.thaw()
        yield

    ran = await rig.under("R-02 database frozen", fault)
    assert ran.seen() <= {200, 201, 204, 401, 503}
    assert float(TABLE[-1][-1]) <= 2


async def test_r03_every_connection_is_held(rig: Rig) -> None:
    """A table is locked by somebody else: whoever waits for it gives up in time, and the process stays alive."""
    live: list[float] = []

    async def fault() -> AsyncIterator[None]:
        plain = rig.database.replace("+psycopg", "")
        with psycopg.connect(plain) as holding:
            holding.execute("LOCK TABLE fam_auth.auth_attempt, fam_auth.auth_session IN ACCESS EXCLUSIVE MODE")
            ends = time.monotonic() + SECONDS
            async with httpx2.AsyncClient() as http:
                while time.monotonic() < ends:
                    began = time.monotonic()
                    assert (await http.get(f"{rig.service.url}/auth/health/live")).status_code == 200
                    live.append(time.monotonic() - began)
                    await asyncio.sleep(0.05)
        yield

    ran = await rig.under("R-03 tables locked", fault)
    assert 503 in ran.seen("login", "refresh")
    assert sorted(live)[len(live) * 9 // 10] < 0.5


async def test_r05_the_database_becomes_read_only(rig: Rig) -> None:
    def turn(state: str) -> None:
        name = rig.database.rpartition("/")[2]
        with psycopg.connect(rig.server.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {state}')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )

    async def fault() -> AsyncIterator[None]:
        await asyncio.to_thread(turn, "on")
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(turn, "off")
        yield

    ran = await rig.under("R-05 database read-only", fault)
    assert ran.seen("login", "refresh", "register") <= {200, 201, 401, 503}
    assert ran.statuses["me", 200] > 0


async def test_r20_r22_workers_are_killed(rig: Rig) -> None:
    chance = Random(3)  # noqa: S311 - when is no secret

    async def fault() -> AsyncIterator[None]:
        for _ in range(3 * int(SECONDS)):
            if len(workers := rig.workers) == 2:
                os.kill(chance.choice(workers), signal.SIGKILL)
            await asyncio.sleep(chance.random() * 0.6)
        yield

    ran = await rig.under("R-20 workers killed", fault)
    assert ran.statuses["login", 200] + ran.statuses["register", 201] > 0


async def test_r23_workers_are_killed_while_tokens_rotate(rig: Rig) -> None:
    """Whoever lost an answer asks again with the old token, within the grace, and goes on."""
    chance = Random(5)  # noqa: S311 - when is no secret

    async def fault() -> AsyncIterator[None]:
        for _ in range(3 * int(SECONDS)):
            if len(workers := rig.workers) == 2:
                os.kill(chance.choice(workers), signal.SIGKILL)
            await asyncio.sleep(chance.random() * 0.6)
        yield

    ran = await rig.under("R-23 killed while refreshing", fault, actions="refresh")
    assert ran.seen("refresh") <= {0, 200}


async def test_r17_one_of_two_is_told_to_stop(rig: Rig) -> None:
    async def fault() -> AsyncIterator[None]:
        os.kill(rig.workers[0], signal.SIGTERM)
        await asyncio.sleep(SECONDS)
        yield

    ran = await rig.under("R-17 one worker stopped", fault)
    assert ran.seen() <= {0, 200, 201, 204, 401}


async def test_the_log_is_not_read(database: str, unread: int, tmp_path: Path) -> None:
    """A full pipe holds up nobody but the log."""
    with service(tmp_path, database, log=unread, **SETTINGS) as running:
        ran = Ran()
        await load(running.url, 2 * SECONDS, ran)
        TABLE.append(("log is not read", str(ran.requests), "0", "0", f"{ran.slowest:.2f}", ""))
        assert contradictions(database, ran) == []
        assert ran.slowest < LONGEST
        assert ran.statuses["me", 200] > 10


class Post:
    """A mail server that remembers what it took."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.has_ten = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.ids.append(next(line for line in content.decode().splitlines() if line.startswith("Message-ID")))
        if len(self.ids) >= 10:
            self.loop.call_soon_threadsafe(self.has_ten.set)
        return "250 OK"


async def test_r07_the_mail_server_is_away(database: str, tmp_path: Path) -> None:
    """Nobody who registers notices; each mail arrives once when the server is back."""
    post, port = Post(), free_port()
    settings = {**SETTINGS, "FAM_AUTH_EMAIL_VERIFICATION": "true", "FAM_AUTH_MAIL": f"smtp://127.0.0.1:{port}"}
    with service(tmp_path, database, workers=2, **settings) as running:
        async with httpx2.AsyncClient(base_url=running.url) as http:
            began = time.monotonic()
            for number in range(10):
                body = {"email": f"m{number}@example.com", "password": "seventeen green llamas"}
                assert (await http.post("/auth/register", json=body)).status_code == 202
            assert time.monotonic() - began < 10
        controller = Controller(post, hostname="127.0.0.1", port=port)
        await asyncio.to_thread(controller.start)
        try:
            await asyncio.wait_for(post.has_ten.wait(), 60)
            TABLE.append(("R-07 mail server away", "10", "0", "0", "", ""))
            assert len(set(post.ids)) == len(post.ids) == 10
        finally:
            await asyncio.to_thread(controller.stop)
