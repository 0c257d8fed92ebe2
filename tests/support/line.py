"""One kept connection to a service, that asks at a tenth of what a client library costs."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

IDLE = 2.0
"""A service hangs up on who is silent for five seconds; who opens a new connection in time asks nothing twice."""


@dataclass
class Line:
    """A connection to this port of this machine."""

    port: int
    used_at: float = 0
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, request: str, token: str | None = None, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status of an answer, and what is in it."""
        reader, writer = await self._opened()
        writer.write(_written(request, token, body, headers or {}))
        return await self._answer(reader)

    async def ask_all(self, request: str, tokens: Sequence[str]) -> list[tuple[int, float]]:
        """The status for each token, and when it came; the service has all requests before it answers the first."""
        reader, writer = await self._opened()
        for token in tokens:
            writer.write(_written(request, token, None, {}))
        return [((await self._answer(reader))[0], time.monotonic()) for _ in tokens]

    def close(self) -> None:
        """The connection is closed."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        idle, self.used_at = time.monotonic() - self.used_at, time.monotonic()
        if self.streams is None or idle > IDLE:
            self.close()
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        return self.streams

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Any]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        content = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0))
        self.used_at = time.monotonic()
        return int(head.split()[1]), json.loads(content) if content else None


@contextmanager
def lines(ports: Iterable[int]) -> Iterator[list[Line]]:
    """A connection to each of these ports."""
    opened = [Line(port) for port in ports]
    try:
        yield opened
    finally:
        for line in opened:
            line.close()


def _written(request: str, token: str | None, body: object, headers: Mapping[str, str]) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    said = {"Host": "127.0.0.1", "Content-Length": str(len(content)), "Content-Type": "application/json", **headers}
    if token is not None:
        said["Authorization"] = f"Bearer {token}"
    lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode() + content
