"""A session that ends in one worker is dead in every other one within a second, and never alive again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from fam_auth import Auth, Proof
from fam_auth.feature import Complete, Kind
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.repository.data_access.queries.users import by_id
from fam_auth.values import Client, Visit
from tests.conftest import SECRETS
from tests.support.fleet import Fleet, fleet
from tests.support.load import Person, Ran, load
from tests.support.results import note
from tests.support.wire import Wire, counting

WORKERS, ROUNDS, AT_ONCE = 4, 40, 25
LIMIT = 5.0
"""What a worker remembers is believed for so long without a feed."""
CALM = {"FAM_AUTH_ACCESS_LIFETIME": "PT1H"}


@dataclass
class Line:
    """One kept connection to one worker; asks who somebody is, at a tenth of what a client library costs."""

    port: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def me(self, token: str) -> int:
        """The status of GET /auth/me; a connection that the worker has closed meanwhile is opened again."""
        async with self.lock:
            try:
                return await self._ask(token)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                return await self._ask(token)

    async def _ask(self, token: str) -> int:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(f"GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
        return int(head.split()[1])

    def close(self) -> None:
        """The connection is closed."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


def at(database: str) -> Auth:
    """One more that makes sessions, with the secrets of the workers."""
    settings: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}
    return Auth(database, features=[Password()], profile="production", **settings)


async def signed_in(auth: Auth, many: int) -> list[str]:
    """Access tokens of so many sessions of somebody new; no password is hashed for them."""
    user = await users.create(auth, f"{uuid4().hex}@example.com", verified=True)
    tokens = []
    for _ in range(many):
        proof = Proof("password", Kind.KNOWLEDGE, auth.now())
        outcome = await logins.begin(auth, user.id, proof, Visit(Client(), "bearer"), witness=by_id(user.id))
        assert isinstance(outcome, Complete)
        assert outcome.tokens is not None
        tokens.append(outcome.tokens.access_token)
    return tokens


async def end(url: str, token: str) -> None:
    """The session has ended: the worker of this address says so."""
    person = Person(url, Ran())
    person.tokens = {"access_token": token}
    async with person.http:
        assert await person.ask("logout", "POST", "/auth/logout") is not None


async def dead_after(line: Line, token: str, moment: float) -> float:
    """Seconds from a moment until the worker refuses the token; it goes on refusing."""
    while (status := await line.me(token)) == 200:  # noqa: ASYNC110 - another process is asked
        await asyncio.sleep(0.03)
    took = time.monotonic() - moment
    assert status == 401
    await asyncio.sleep(0.2)
    assert await line.me(token) == 401
    return took


async def revoked_everywhere(workers: Fleet, lines: list[Line], token: str, place: int) -> float:
    """A session that every worker remembers ends in one of them: the time until the last one refuses it."""
    assert {await line.me(token) for line in lines} == {200}
    await end(workers.urls[place], token)
    moment = time.monotonic()
    others = [line for number, line in enumerate(lines) if number != place]
    return max(await asyncio.gather(*(dead_after(line, token, moment) for line in others)))


@asynccontextmanager
async def busy(url: str) -> AsyncIterator[None]:
    """Others use the service meanwhile."""
    enough = asyncio.Event()
    task = asyncio.create_task(load(url, 300, Ran(), people=3, enough=enough))
    yield
    enough.set()
    await task


async def test_s054_a_thousand_revocations(shared_postgres_database: str, tmp_path: Path) -> None:
    async with fleet(tmp_path, [shared_postgres_database] * WORKERS, CALM) as workers, busy(workers.urls[0]):
        lines, auth = [Line(port) for port in workers.ports], at(shared_postgres_database)
        took: list[float] = []
        for number in range(ROUNDS):
            tokens = await signed_in(auth, AT_ONCE)
            ended = (revoked_everywhere(workers, lines, token, number % WORKERS) for token in tokens)
            took += await asyncio.gather(*ended)
        for line in lines:
            line.close()
        await auth.close()
        note("revocations", "read", f"{len(took):,}", f"{max(took):.2f} s", "0")
        assert max(took) <= 1


@asynccontextmanager
async def wires(database: str) -> AsyncIterator[list[Wire]]:
    """A way to the database for each worker but the first; each may be cut."""
    async with counting(database) as one, counting(database) as two, counting(database) as three:
        yield [one, two, three]


async def test_s054_the_feed_is_cut_and_restored(shared_postgres_database: str, tmp_path: Path) -> None:
    """Without the feed a worker believes what it remembers for five seconds at most, and then nothing."""
    async with wires(shared_postgres_database) as ways:
        databases = [shared_postgres_database, *(way.url for way in ways)]
        async with fleet(tmp_path, databases, CALM) as workers:
            lines, auth = [Line(port) for port in workers.ports], at(shared_postgres_database)
            before, after = [await signed_in(auth, 20) for _ in range(2)]
            for line in lines:
                assert {await line.me(token) for token in before + after} == {200}
            for way in ways:
                way.cut()
            cut_at = time.monotonic()
            for token in before:
                await end(workers.urls[0], token)
            accepted = await last_accepted(lines[1:], before, cut_at)
            for way in ways:
                way.restore()
            restored_at = time.monotonic()
            back = await asyncio.gather(*(answers_again(line, after[0]) for line in lines[1:]))
            assert [await line.me(token) for line in lines for token in before] == [401] * len(lines) * len(before)
            took = [await revoked_everywhere(workers, lines, token, 0) for token in after]
            for line in lines:
                line.close()
            await auth.close()
            late = "0" if accepted <= LIMIT else f"{accepted:.1f} s after the cut"
            note("revocations", "cut: none is accepted after 5 s", len(before), f"{accepted:.2f} s", late)
            note("revocations", "restored", len(took), f"{max(took):.2f} s", "0")
            assert accepted <= LIMIT + 0.1
            assert max(took) <= 1
            assert max(back) - restored_at <= 5


async def last_accepted(lines: list[Line], tokens: list[str], cut_at: float) -> float:
    """Asks for eight seconds; seconds after the cut of the last request that was accepted."""
    last = 0.0

    async def ask(line: Line) -> None:
        nonlocal last
        while time.monotonic() - cut_at < LIMIT + 3:
            for token in tokens:
                asked_at = time.monotonic()
                if await line.me(token) == 200:
                    last = max(last, asked_at - cut_at)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(ask(line) for line in lines))
    return last


async def answers_again(line: Line, token: str) -> float:
    """When a worker accepts a session that is live."""
    async with asyncio.timeout(20):
        while await line.me(token) != 200:  # noqa: ASYNC110 - another process is asked
            await asyncio.sleep(0.1)
    return time.monotonic()
