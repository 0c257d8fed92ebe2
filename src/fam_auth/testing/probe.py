"""Unauthenticated requests to an application through plain ASGI, without a client and without a network."""

import re
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

PARAMETER = re.compile(r"\{[^}]*\}")
CHUNK = b" " * 65536


async def answer_of(app: ASGIApp, path: str) -> Headers:
    """The response headers of a GET request; empty if the route raises an exception."""
    answered: list[tuple[bytes, bytes]] = []
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        # The client then leaves: Starlette waits for that while it sends a file.
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answered.extend(message.get("headers", ()))

    with suppress(Exception):  # a route that breaks is found by other tests
        await app(_scope("GET", path), receive, send)
    return Headers(raw=answered)


async def bytes_read(app: ASGIApp, method: str, path: str, most: int) -> int:
    """The number of bytes that the application reads of an endless body; slightly more than `most` if it has no limit.

    The client then disconnects before the body is complete, so that the route does not act on it.
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
