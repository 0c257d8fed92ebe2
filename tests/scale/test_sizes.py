"""A million users cost what ten thousand do; and a purge of a million rows is not felt."""

import asyncio
import itertools
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg
import pytest
from argon2 import PasswordHasher
from sqlalchemy import make_url

from fam_auth.core.hashing import LANES, MEMORY_KIB, PASSES
from tests.conftest import SECRETS, migrate
from tests.support import postgres
from tests.support.crowd import REFRESHES, Crowd, scaled
from tests.support.fleet import SETTINGS
from tests.support.forged import access_token, refresh_token
from tests.support.line import Line, lines
from tests.support.people import PASSWORD
from tests.support.results import note
from tests.support.service import free_port, service
from tests.support.timed import Timed, timed
from tests.support.walk import wrong_plans

FULL = 1_000_000
MANY = int(os.environ.get("FAM_AUTH_TEST_USERS", FULL))
FEW = MANY // 100
ROUNDS, OLD = 200, MANY
A_SECOND, LINES, TURN = 50, 10, 4
ME = "GET /auth/me"
# The data is thrown away and the disk is not what is measured; memory as a server of this size would have it.
OPTIONS = {
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "16GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "100",
}
CHANCE = Random(11)  # noqa: S311 - who signs in is no secret
# Rows that a purge has to take away: sessions that ended, and events, longer ago than the retention.
WORN = """
WITH worn AS (SELECT n, now() - interval '200 days' - n * interval '1 second' AS moment,
    (SELECT id FROM auth_user LIMIT 1) AS someone FROM generate_series(1, %(half)s) n),
kept AS (INSERT INTO auth_event (id, at, kind, outcome, detail)
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008'
        || substr(md5(random()::text), 1, 15))::uuid, moment, 'test', 'success', '{}' FROM worn)
INSERT INTO auth_session (id, user_id, transport, proofs, claims, generation, refreshes, refreshed_at, created_at,
    seen_at, expires_at, ended_at)
SELECT gen_random_uuid(), someone, 'bearer', '[]', '{}', 1, 0, moment, moment, moment, moment, moment FROM worn
"""


@dataclass
class Side:
    """One of the two databases, and what its people had to wait for."""

    crowd: Crowd
    url: str
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def visit(self, line: Line, session: UUID) -> None:
        """Somebody signs in; somebody else asks who they are, three times more, and refreshes."""
        login = {"email": somebody(self.crowd.users), "password": PASSWORD}
        await self.timed("login", line, "POST /auth/login", None, login)
        token = access_token(session)
        await self.timed("/me at first sight", line, ME, token)
        for _ in range(3):
            await self.timed("/me", line, ME, token)
        used_up = {"refresh_token": refresh_token(session, REFRESHES)}
        await self.timed("refresh", line, "POST /auth/refresh", None, used_up)

    async def timed(self, name: str, line: Line, request: str, token: str | None, body: object = None) -> None:
        began = time.perf_counter()
        status, found = await line.ask(request, token, body, network())
        self.times[name].append(time.perf_counter() - began)
        assert status == 200, found

    def p50(self, name: str) -> float:
        """In ms, without the first visits."""
        times = self.times[name]
        return statistics.median(times[len(times) // 10 :]) * 1000


def somebody(users: int) -> str:
    """The address of one of so many people; one in a hundred was never verified."""
    return f"p{CHANCE.randrange(users // 100) * 100 + CHANCE.randrange(1, 100)}@crowd.example.com"


def network() -> dict[str, str]:
    """Everybody comes from elsewhere."""
    return {"X-Forwarded-For": f"10.{CHANCE.randrange(256)}.{CHANCE.randrange(256)}.7"}


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    """A database with few people and one with a hundred times as many."""
    digest = PasswordHasher(PASSES, MEMORY_KIB, LANES).hash(PASSWORD)
    with postgres.server(None, **OPTIONS) as url:
        made = []
        for users in (FEW, MANY):
            name, crowd = f"crowd_{users}", Crowd(users, users * 5, users * 10, datetime.now(UTC), digest)

            def build(database: str, crowd: Crowd = crowd) -> None:
                migrate(database)
                crowd.fill(database)

            postgres.create_once(url, name, build)
            made.append(Side(crowd, make_url(url).set(database=name).render_as_string(hide_password=False)))
        yield made[0], made[1]


async def test_r029_plans_at_full_size(sides: tuple[Side, Side]) -> None:
    """A smaller run tells the planner that there are as many."""
    scaled(sides[1].url, FULL // MANY)
    assert await wrong_plans(sides[1].url, datetime.now(UTC)) == {}


async def test_r029_latency_at_size(sides: tuple[Side, Side], tmp_path: Path) -> None:
    """Both at once, by turns, so that whatever else the machine does meets both."""
    with ExitStack() as stack:
        ways = stack.enter_context(lines([stack.enter_context(served(tmp_path, side)) for side in sides]))
        sessions = [side.crowd.live(CHANCE, ROUNDS) for side in sides]
        for number in range(ROUNDS):
            for place in (0, 1) if number % 2 else (1, 0):
                await sides[place].visit(ways[place], sessions[place][number])
    ratios = {}
    for name in sides[0].times:
        few, many = (side.p50(name) for side in sides)
        ratios[name] = many / few
        note("sizes", f"{name}, p50", f"{few:.2f} ms", f"{many:.2f} ms", f"{ratios[name]:.2f}")
    assert {name: ratio for name, ratio in ratios.items() if ratio > 1.2} == {}


@contextmanager
def served(folder: Path, side: Side) -> Iterator[int]:
    """The port of a service on this database."""
    own = folder / str(side.crowd.users)
    own.mkdir()
    port = free_port()
    with service(own, side.url, port=port, **SETTINGS):
        yield port


async def test_r029_time_of_the_database_per_login(sides: tuple[Side, Side]) -> None:
    """What its statements wait for, and what the database works; by turns.

    The quietest turn counts: whatever else the machine does is only added to a wait. Where it does so much that few
    people wait for 10 ms as well, many must not wait longer than they.
    """
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(timed(side.url)) for side in sides]
        turns = [[await p95s(both[place], sides[place]) for place in (0, 1)] for _ in range(6)]
    late: dict[str, float] = {}
    for number, name in enumerate(("wait for the database", "processor time of the database")):
        few, many = (min(turn[place][number] for turn in turns[1:]) for place in (0, 1))
        note("sizes", f"{name} per login, p95", f"{few:.1f} ms", f"{many:.1f} ms", f"{many / few:.2f}")
        late |= {name: many} if many >= max(10, 1.2 * few) else {}
    assert late == {}


async def p95s(application: Timed, side: Side) -> tuple[float, float]:
    """Of forty logins, in ms: waited and worked."""
    waited, worked = [], []
    for _ in range(40):
        before, application.waited = application.worked(), 0
        login = {"email": somebody(side.crowd.users), "password": PASSWORD}
        answer = await application.http.post("/auth/login", json=login, headers=network())
        assert answer.status_code == 200, answer.text
        waited.append(application.waited * 1000)
        worked.append((application.worked() - before) * 1000)
    return statistics.quantiles(waited, n=20)[18], statistics.quantiles(worked, n=20)[18]


async def test_r029_nobody_feels_a_purge(sides: tuple[Side, Side], tmp_path: Path) -> None:
    """It runs and stands still by turns, so that whatever else the machine does is there with it and without.

    The median of the turns' p99 counts: a stall of the machine is one turn's.
    """
    side = sides[1]
    plain = make_url(side.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, options="-c search_path=fam_auth") as admin:
        admin.execute(WORN, {"half": OLD // 2})
        admin.execute("ANALYZE auth_session, auth_event")
    tokens = itertools.cycle([access_token(session) for session in side.crowd.live(CHANCE, FEW)])
    calm: list[float] = []
    felt: list[float] = []
    with served(tmp_path, side) as port, lines([port] * LINES) as ways, purging(side.url) as purge:
        purge.send_signal(signal.SIGSTOP)
        await on_schedule(ways, tokens)  # nobody has to wait for what the service does the first time
        while purge.poll() is None:
            purge.send_signal(signal.SIGSTOP)
            calm.append(await on_schedule(ways, tokens))
            purge.send_signal(signal.SIGCONT)
            felt.append(await on_schedule(ways, tokens))
        rows = int(purge.communicate()[0])
    without, during = (statistics.median(one) for one in (calm, felt))
    seconds, ratio = len(felt) * TURN, during / without
    name, figure = f"/me, p99, while {OLD:,} rows are purged", f"{during:.1f} ms, for {seconds:.0f} s"
    note("sizes", name, f"(no purge) {without:.1f} ms", figure, f"{ratio:.2f}")
    assert rows >= OLD - 1
    assert ratio <= 2


async def on_schedule(ways: list[Line], tokens: Iterator[str]) -> float:
    """The p99 of a turn, in ms: so many requests a second, each of another session and timed from when it was due."""
    began, taken = time.perf_counter(), []

    async def ask(line: Line, numbers: range) -> None:
        for number in numbers:
            due = began + number / A_SECOND
            await asyncio.sleep(max(0, due - time.perf_counter()))
            status, _ = await line.ask(ME, next(tokens))
            taken.append(time.perf_counter() - due)
            assert status == 200

    await asyncio.gather(*(ask(line, range(place, A_SECOND * TURN, LINES)) for place, line in enumerate(ways)))
    return statistics.quantiles(taken, n=100)[98] * 1000


@contextmanager
def purging(database: str) -> Iterator[subprocess.Popen[str]]:
    """The command runs; it prints how many sessions and events it has deleted."""
    code = (
        "import asyncio; from fam_auth import Auth; from fam_auth.features.password import Password\n"
        "from fam_auth.repository.data_access.managers.purge import purge\n"
        f"auth = Auth({database!r}, features=[Password()], profile='production', secrets={SECRETS!r}, mail='console:',"
        " public_url='https://app.example.com')\n"
        "gone = asyncio.run(purge(auth)); print(gone['sessions'] + gone['events'])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
