"""Requests that arrive at the same time: everything but the last byte first, then all last bytes."""

import asyncio
import json
import re
from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import count
from typing import Any
from urllib.parse import urlsplit

ADDRESSES = count(int(IPv4Address("10.0.0.1")))


async def at_once(
    url: str,
    path: str | Sequence[str],
    bodies: Sequence[dict[str, Any]],
    authorization: str | Sequence[str | None] | None = None,
) -> list[tuple[int, dict[str, Any]]]:
    """Status and body of the answers, in the order of the bodies; each may have a path and an authorization."""
    paths = [path] * len(bodies) if isinstance(path, str) else path
    by_whom = [authorization] * len(bodies) if isinstance(authorization, str | None) else authorization
    address = urlsplit(url)
    streams = await asyncio.gather(*(asyncio.open_connection(address.hostname, address.port) for _ in bodies))
    requests = [_request(address.netloc, *one) for one in zip(paths, bodies, by_whom, strict=True)]
    for (_, writer), request in zip(streams, requests, strict=True):
        writer.write(request[:-1])
    await asyncio.gather(*(writer.drain() for _, writer in streams))
    await asyncio.sleep(0.02)
    for (_, writer), request in zip(streams, requests, strict=True):
        writer.write(request[-1:])
    answers = await asyncio.gather(*(_answer(reader) for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return answers


def _request(host: str, path: str, body: dict[str, Any], authorization: str | None) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    # From a network of its own each: what is raced here are not the limits of one.
    head += f"X-Forwarded-For: {IPv4Address(next(ADDRESSES))}\r\n"
    if authorization is not None:
        head += f"Authorization: {authorization}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """One answer. The connection stays open: who closes last is not what is raced here."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return int(head.split()[1]), json.loads(body) if body else {}
