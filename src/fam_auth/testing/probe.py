"""Asking an application without a client and without a network: bare ASGI, nobody signed in."""

import re
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

PARAMETER = re.compile(r"\{[^}]*\}")
CHUNK = b" " * 65536


async def answer_of(app: ASGIApp, path: str) -> Headers:
    """The headers that GET of a path answers with; none when it breaks."""
    answered: list[tuple[bytes, bytes]] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answered.extend(message.get("headers", ()))

    with suppress(Exception):  # a route that breaks is found by other tests
        await app(_scope("GET", path), receive, send)
    return Headers(raw=answered)


async def bytes_read(app: ASGIApp, method: str, path: str, most: int) -> int:
    """How much of an endless body is read before the answer; a little more than `most` when there is no end to it.

    The client is gone then, before the body is complete, so that what the route does with one is not done.
    """
    read = 0

    async def receive() -> Message:
        nonlocal read
        if read > most:
            return {"type": "http.disconnect"}
        read += len(CHUNK)
        return {"type": "http.request", "body": CHUNK, "more_body": True}

    async def send(_: Message) -> None: ...

    with suppress(Exception):  # what a server does with a client that is gone
        await app(_scope(method, path), receive, send)
    return read


def _scope(method: str, path: str) -> dict[str, Any]:
    path = PARAMETER.sub("0", path)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 443),
        "state": {},
    }
