"""The mail server is away, slow or unwilling: nobody who asks notices, and each mail arrives once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.support.load import TABLE
from tests.support.rig import SETTINGS
from tests.support.service import Service, free_port, service


class Post:
    """A mail server that counts what it took by recipient, puts off every second mail and refuses some for good."""

    def __init__(self, *, puts_off: bool = False) -> None:
        self.taken: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.puts_off = puts_off

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        content, recipient = envelope.content, envelope.rcpt_tos[0]
        assert isinstance(content, bytes)
        self.asked[recipient] += 1
        if recipient.startswith("gone"):
            return "550 No such mailbox"
        if self.puts_off and self.asked[recipient] == 1 and sum(self.asked.values()) % 2:
            return "451 Try again later"
        self.taken[recipient] += 1
        self.ids.add(next(line for line in content.decode().splitlines() if line.startswith("Message-ID")))
        return "250 OK"


@asynccontextmanager
async def listening(post: Post, port: int) -> AsyncIterator[None]:
    controller = Controller(post, hostname="127.0.0.1", port=port)
    await asyncio.to_thread(controller.start)
    try:
        yield
    finally:
        await asyncio.to_thread(controller.stop)


async def register(running: Service, *names: str) -> float:
    """Everybody asks for an account; returns how long the slowest answer took."""
    slowest = 0.0
    async with httpx2.AsyncClient(base_url=running.url) as http:
        for name in names:
            began = time.monotonic()
            body = {"email": f"{name}@example.com", "password": "seventeen green llamas"}
            assert (await http.post("/auth/register", json=body)).status_code == 202
            slowest = max(slowest, time.monotonic() - began)
    return slowest


async def until(post: Post, count: int) -> None:
    """The server has taken so many mails."""
    async with asyncio.timeout(60):
        while post.taken.total() < count:  # noqa: ASYNC110 - another thread fills it
            await asyncio.sleep(0.1)


def mailing(port: int) -> dict[str, Any]:
    return {**SETTINGS, "FAM_AUTH_EMAIL_VERIFICATION": "true", "FAM_AUTH_MAIL": f"smtp://127.0.0.1:{port}"}


async def test_r07_the_mail_server_is_away(database: str, tmp_path: Path) -> None:
    """Nobody who registers notices; each mail arrives once when the server is back."""
    post, port = Post(), free_port()
    with service(tmp_path, database, workers=2, **mailing(port)) as running:
        slowest = await register(running, *(f"m{number}" for number in range(10)))
        assert slowest < 2
        async with listening(post, port):
            await until(post, 10)
        TABLE.append(("R-07 mail server away", "10", "0", "0", f"{slowest:.2f}", ""))
        assert set(post.taken.values()) == {1}
        assert len(post.ids) == 10


async def test_r08_the_mail_server_hangs_and_drips_and_puts_off(database: str, tmp_path: Path) -> None:
    """It takes connections and says nothing, then a letter a second, then refuses; nobody who registers notices."""
    post, port, held = Post(puts_off=True), free_port(), []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        for letter in b"220 mail.example.com " * 10 if len(held) % 2 else b"":
            writer.write(bytes([letter]))
            await asyncio.sleep(1)

    with service(tmp_path, database, workers=2, **mailing(port)) as running:
        slow = await asyncio.start_server(drip, "127.0.0.1", port)
        slowest = await register(running, *(f"h{number}" for number in range(6)), "gone")
        assert slowest < 2
        async with asyncio.timeout(40):
            while len(held) < 7:  # noqa: ASYNC110 - another process comes
                await asyncio.sleep(0.1)
        slow.close()
        for writer in held:
            writer.transport.abort()
        async with listening(post, port):
            await until(post, 6)
            async with asyncio.timeout(30):
                while not (failed := _given_up(database)):  # noqa: ASYNC110 - another process does it
                    await asyncio.sleep(0.2)
        TABLE.append(("R-08 mail server hangs, 4xx, 5xx", "7", "0", "0", f"{slowest:.2f}", ""))
        assert set(post.taken.values()) == {1}
        assert (failed, post.asked["gone@example.com"]) == (1, 1)


def _given_up(database: str) -> int:
    """How many events tell of a mail that was refused for good."""
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT count(*) FROM fam_auth.auth_event WHERE kind = 'mail.failed'").fetchone()
        return int(row[0]) if row else 0
