"""A session that ends in one worker is dead in every other one within a second, and never alive again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fam_auth import Auth, Proof
from fam_auth.features.password import Password
from fam_auth.pipeline import Complete
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.repository.data_access.queries.users import locked
from fam_auth.values import Client, Kind, Visit
from tests.conftest import SECRETS
from tests.support.fleet import Fleet, fleet
from tests.support.line import Line, lines
from tests.support.load import Ran, load
from tests.support.results import note
from tests.support.wire import Wire, counting

WORKERS, MANY, SOME = 4, 1_000, 200
A_SECOND = 25
"""So many sessions are ended in a second, in all workers by turns."""
UNASKED = 0.5
"""Nobody asks before so many seconds have passed: it is the last to die that counts, and asking costs the workers."""
LIMIT = 5.0
"""What a worker remembers is believed for so long without a feed."""
CALM = {"FAM_AUTH_ACCESS_LIFETIME": "PT1H"}
ME, LOGOUT = "GET /auth/me", "POST /auth/logout"


@dataclass
class Watch:
    """How long one worker accepts sessions that have ended; `ended` has the moments when that was acknowledged."""

    line: Line
    ended: dict[str, float]
    took: dict[str, float] = field(default_factory=dict)

    async def until_dead(self, tokens: Sequence[str]) -> None:
        """The worker has refused each of them once."""
        while len(self.took) < len(tokens):
            due = time.monotonic() - UNASKED
            alive = [token for token, moment in self.ended.items() if moment < due and token not in self.took]
            for token, (status, moment) in zip(alive, await self.line.ask_all(ME, alive), strict=True):
                if status != 200:
                    assert status == 401
                    self.took[token] = moment - self.ended[token]
            await asyncio.sleep(0.05)


def at(database: str) -> Auth:
    """One more that makes sessions, with the secrets of the workers."""
    settings: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}
    return Auth(database, features=[Password()], profile="production", **settings)


async def signed_in(database: str, many: int) -> list[str]:
    """Access tokens of so many sessions, ten of a person; no password is hashed for them."""
    auth = at(database)
    people = asyncio.Semaphore(4)

    async def person() -> list[str]:
        async with people:
            user = await users.create(auth, f"{uuid4().hex}@example.com", verified=True)
            return [await _session(auth, user.id) for _ in range(10)]

    found = await asyncio.gather(*(person() for _ in range(many // 10)))
    await auth.close()
    return [token for tokens in found for token in tokens]


async def _session(auth: Auth, user: UUID) -> str:
    proof = Proof("password", Kind.KNOWLEDGE, auth.now())
    outcome = await logins.begin(auth, proof, Visit(Client(), "bearer"), locking=locked(user))
    assert isinstance(outcome, Complete)
    assert outcome.tokens is not None
    return outcome.tokens.access_token


async def everywhere(workers: Fleet, tokens: Sequence[str]) -> set[int]:
    """What the workers say to these tokens."""
    with lines(workers.ports) as ways:
        answers = await asyncio.gather(*(way.ask_all(ME, tokens) for way in ways))
    return {status for some in answers for status, _ in some}


async def revoked(workers: Fleet, tokens: Sequence[str]) -> list[float]:
    """Sessions that every worker remembers end in one or the other: how long the last worker accepted each of them."""
    assert await everywhere(workers, tokens) == {200}
    ended: dict[str, float] = {}
    with lines(workers.ports) as seeing, lines(workers.ports) as ending:
        watches = [Watch(line, ended) for line in seeing]
        async with asyncio.timeout(60 + len(tokens) / A_SECOND), asyncio.TaskGroup() as tasks:
            for watch in watches:
                tasks.create_task(watch.until_dead(tokens))
            for place, line in enumerate(ending):
                tasks.create_task(end(line, tokens[place::WORKERS], ended))
    assert await everywhere(workers, tokens) == {401}
    return [max(watch.took[token] for watch in watches) for token in tokens]


async def end(line: Line, tokens: Sequence[str], ended: dict[str, float]) -> None:
    """The sessions end in one worker, one after the other on a schedule."""
    began = time.monotonic()
    for number, token in enumerate(tokens):
        await asyncio.sleep(max(0, began + number * WORKERS / A_SECOND - time.monotonic()))
        assert await line.ask(LOGOUT, token) == (204, None)
        ended[token] = time.monotonic()


@asynccontextmanager
async def busy(workers: Fleet) -> AsyncIterator[Ran]:
    """Somebody else uses each worker meanwhile."""
    ran, enough = Ran(), asyncio.Event()
    tasks = [asyncio.create_task(load(url, 300, ran, people=1, enough=enough)) for url in workers.urls]
    yield ran
    enough.set()
    await asyncio.gather(*tasks)


def noted(name: str, took: Sequence[float]) -> None:
    """A line of the table, and what it has to say."""
    note("revocations", name, f"{len(took):,}", f"{max(took):.2f} s", sum(one > 1 for one in took))
    assert max(took) <= 1


async def test_s054_a_thousand_revocations(shared_postgres_database: str, tmp_path: Path) -> None:
    tokens = await signed_in(shared_postgres_database, MANY)
    async with fleet(tmp_path, [shared_postgres_database] * WORKERS, CALM) as workers, busy(workers) as ran:
        took = await revoked(workers, tokens)
    assert ran.refusals == {}
    assert ran.requests >= 4 * MANY / A_SECOND
    noted("read", took)


@asynccontextmanager
async def wires(database: str) -> AsyncIterator[list[Wire]]:
    """A way to the database for each worker but the first; each may be cut."""
    async with counting(database) as one, counting(database) as two, counting(database) as three:
        yield [one, two, three]


async def test_s054_the_feed_is_cut_and_restored(shared_postgres_database: str, tmp_path: Path) -> None:
    """Without the feed a worker believes what it remembers for five seconds at most, and then nothing."""
    before, after = [await signed_in(shared_postgres_database, many) for many in (20, SOME)]
    async with wires(shared_postgres_database) as ways:
        databases = [shared_postgres_database, *(way.url for way in ways)]
        async with fleet(tmp_path, databases, CALM) as workers:
            assert await everywhere(workers, before + after) == {200}
            for way in ways:
                way.cut()
            cut_at = time.monotonic()
            with lines(workers.ports[:1]) as [line]:
                await end(line, before, {})
            accepted = await last_accepted(workers.ports[1:], before, cut_at)
            for way in ways:
                way.restore()
            restored_at = time.monotonic()
            with lines(workers.ports[1:]) as asked:
                back = await asyncio.gather(*(answers_again(line, after[0]) for line in asked))
            assert await everywhere(workers, before) == {401}
            took = await revoked(workers, after)
    note("revocations", "cut: none is accepted after 5 s", len(before), f"{accepted:.2f} s", int(accepted > LIMIT))
    noted("restored", took)
    assert 1 < accepted <= LIMIT
    assert max(back) - restored_at <= 5


async def last_accepted(ports: Sequence[int], tokens: Sequence[str], cut_at: float) -> float:
    """Asks for eight seconds, each token on a line of its own; seconds from the cut to the last request accepted."""
    last = 0.0

    async def ask(line: Line, token: str) -> None:
        nonlocal last
        while (asked_at := time.monotonic() - cut_at) < LIMIT + 3:
            status, _ = await line.ask(ME, token)
            assert status in {200, 503}
            last = max(last, asked_at) if status == 200 else last
            await asyncio.sleep(0.2)

    pairs = [(port, token) for port in ports for token in tokens]
    with lines(port for port, _ in pairs) as ways:
        await asyncio.gather(*(ask(line, token) for line, (_, token) in zip(ways, pairs, strict=True)))
    return last


async def answers_again(line: Line, token: str) -> float:
    """When a worker accepts a session that is live."""
    async with asyncio.timeout(20):
        while (await line.ask(ME, token))[0] != 200:  # noqa: ASYNC110 - another process is asked
            await asyncio.sleep(0.1)
    return time.monotonic()
