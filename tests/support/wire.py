"""A proxy before PostgreSQL that counts round trips, and may be cut: an answer to a request ends with ReadyForQuery."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import make_url


@dataclass
class Wire:
    """The URL through the proxy, and the round trips so far, BEGIN and COMMIT among them."""

    url: str
    round_trips: int = 0
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.whole.set()

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self.whole.clear()

    def restore(self) -> None:
        """What waits comes through."""
        self.whole.set()


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[Wire]:
    """Counts what goes to the database of `url` through another address."""
    target = make_url(url)
    wire = Wire("")
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.whole.wait()
        to_server = await asyncio.open_connection(target.host, target.port)
        writers.extend([writer, to_server[1]])
        tasks.add(asyncio.create_task(_copy(reader, to_server[1], wire)))
        tasks.add(asyncio.create_task(_count(to_server[0], writer, wire)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = target.set(host="127.0.0.1", port=port, query={"sslmode": "disable", "gssencmode": "disable"})
    wire.url = through.render_as_string(hide_password=False)
    try:
        yield wire
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    while chunk := await reader.read(65536):
        await wire.whole.wait()
        writer.write(chunk)


async def _count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
        wire.round_trips += head[:1] == b"Z"
        await wire.whole.wait()
        writer.write(head + body)
