"""A service under steady load for half an hour: neither its memory nor its open files grow."""

import asyncio
import itertools
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from argon2 import PasswordHasher

from fam_auth.core.hashing import LANES, MEMORY_KIB, PASSES
from tests.support.crowd import Crowd
from tests.support.fleet import SETTINGS
from tests.support.forged import access_token
from tests.support.line import Line, lines
from tests.support.people import PASSWORD
from tests.support.results import note
from tests.support.service import free_port, service

MINUTES = float(os.environ.get("FAM_AUTH_TEST_MINUTES", "30"))
MEMORY = 10_000
"""So many sessions the service remembers, as it does by default; more than that are used."""
USED = 12_000
GROWTH = 1.05
EVERY = 5.0
"""Seconds between two looks at the process. A hash has 19 MiB for a moment, so the median of many looks counts."""
LINES = 4
CHANCE = Random(29)  # noqa: S311 - who does what is no secret


@dataclass
class Process:
    """What a process has taken, look by look."""

    pid: int
    resident: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def look(self) -> None:
        """One more line in the book: MiB of memory and open files, sockets among them."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        self.resident.append(next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024)
        self.files.append(sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir()))


@dataclass
class Visitors:
    """Many people with one thing each to ask for, in turn; what was answered is counted."""

    sessions: Sequence[str]
    users: int
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def second(self, line: Line) -> None:
        """What happens each second: who somebody is, a life of a session from login to logout, a wrong password."""
        for _ in range(25):
            await self._ask(line, "GET /auth/me", CHANCE.choice(self.sessions))
        await self._life(line)
        await self._ask(line, "POST /auth/login", None, {**self._proof(), "password": "wrong all along"})

    async def _life(self, line: Line) -> None:
        tokens = (await self._ask(line, "POST /auth/login", None, self._proof()))["tokens"]
        await self._ask(line, "GET /auth/me", tokens["access_token"])
        tokens = await self._ask(line, "POST /auth/refresh", None, {"refresh_token": tokens["refresh_token"]})
        if CHANCE.random() < 0.8:  # the others forget to
            await self._ask(line, "POST /auth/logout", tokens["access_token"])

    async def _ask(self, line: Line, request: str, token: str | None, body: object = None) -> Any:
        network = {"X-Forwarded-For": f"10.{CHANCE.randrange(256)}.{CHANCE.randrange(256)}.7"}
        status, found = await line.ask(request, token, body, network)
        self.statuses[request, status] += 1
        return found

    def _proof(self) -> dict[str, str]:
        number = CHANCE.randrange(self.users // 100) * 100 + CHANCE.randrange(1, 100)
        return {"email": f"p{number}@crowd.example.com", "password": PASSWORD}


async def test_r028_a_soak(postgres_database: str, tmp_path: Path) -> None:
    """The second half has as much as the first had at its end."""
    port, sessions = free_port(), filled(postgres_database)
    with service(tmp_path, postgres_database, port=port, **SETTINGS, FAM_AUTH_SESSION_MEMORY=str(MEMORY)) as running:
        process, visitors = Process(running.process.pid), Visitors(sessions, USED)
        await remembered(port, sessions)
        async with steady(port, visitors):
            await watched(process, visitors)
    resident, files = halves(process.resident), halves(process.files)
    requests = sum(visitors.statuses.values())
    grown = f"{resident[0]:.0f} to {resident[1]:.0f} MiB", f"{files[0]:.0f} to {files[1]:.0f}"
    note("soak", f"{MINUTES:g} minutes", f"{requests:,}", *grown, f"{100 * (resident[1] / resident[0] - 1):+.1f} %")
    assert {status for _, status in visitors.statuses} == {200, 204, 401}
    assert visitors.statuses["POST /auth/login", 401] > 0
    assert resident[1] <= GROWTH * resident[0]
    assert files[1] <= GROWTH * files[0]


def filled(database: str) -> list[str]:
    """Access tokens of more sessions than the service remembers."""
    digest = PasswordHasher(PASSES, MEMORY_KIB, LANES).hash(PASSWORD)
    crowd = Crowd(USED, 20 * USED, USED, datetime.now(UTC), digest)
    crowd.fill(database)
    return [access_token(session, hours=24) for session in crowd.live(CHANCE, USED)]


async def remembered(port: int, sessions: Sequence[str]) -> None:
    """The service has seen all of them once: its memory of sessions is full before the load begins."""
    with lines([port]) as [line]:
        for place in range(0, len(sessions), 100):
            answers = await line.ask_all("GET /auth/me", sessions[place : place + 100])
            assert {status for status, _ in answers} == {200}


@asynccontextmanager
async def steady(port: int, visitors: Visitors) -> AsyncIterator[None]:
    """The load goes on inside."""
    enough = asyncio.Event()

    async def visit(line: Line, place: int) -> None:
        begun = time.monotonic() + place
        for number in itertools.count():
            await asyncio.sleep(max(0, begun + number * LINES - time.monotonic()))
            if enough.is_set():
                return
            await visitors.second(line)

    with lines([port] * LINES) as ways:
        tasks = [asyncio.create_task(visit(line, place)) for place, line in enumerate(ways)]
        yield
        enough.set()
        await asyncio.gather(*tasks)


async def watched(process: Process, visitors: Visitors) -> None:
    """Looks at the process now and then, and prints once a minute."""
    began, minute = time.monotonic(), 0
    while (passed := time.monotonic() - began) < MINUTES * 60:
        process.look()
        if passed >= minute * 60:
            requests = sum(visitors.statuses.values())
            sys.stdout.write(f"minute {minute}: {process.resident[-1]:.0f} MiB, {process.files[-1]} files, ")
            sys.stdout.write(f"{requests:,} requests\n")
            sys.stdout.flush()
            minute += 1
        await asyncio.sleep(EVERY)


def halves(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the third quarter and of the last: what the second half has grown by lies between them."""
    third, last = values[len(values) // 2 : len(values) * 3 // 4], values[len(values) * 3 // 4 :]
    return statistics.median(third), statistics.median(last)
