"""What happens once happens once: 20 at a time, over two processes, on PostgreSQL."""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.support.people import PASSWORD
from tests.support.service import Service, service

PARALLEL = 20
ADDRESSES = count(int(IPv4Address("10.0.0.1")))
ROUNDS = int(os.environ.get("FAM_AUTH_TEST_ROUNDS", "25"))


@pytest.fixture
def running(tmp_path: Path, postgres_database: str) -> Iterator[Service]:
    with service(tmp_path, postgres_database, workers=2, FAM_AUTH_TRUSTED_PROXIES="127.0.0.1") as two_processes:
        yield two_processes


async def at_once(url: str, path: str, bodies: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Sends all but the last byte of each request, then all last bytes at the same time."""
    address = urlsplit(url)
    streams = await asyncio.gather(*(asyncio.open_connection(address.hostname, address.port) for _ in bodies))
    requests = [_request(address.netloc, path, body) for body in bodies]
    for (_, writer), request in zip(streams, requests, strict=True):
        writer.write(request[:-1])
    await asyncio.gather(*(writer.drain() for _, writer in streams))
    await asyncio.sleep(0.02)
    for (_, writer), request in zip(streams, requests, strict=True):
        writer.write(request[-1:])
    answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return [_parsed(answer) for answer in answers]


def _request(host: str, path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    # From a network of its own each: what is raced here are not the limits of one.
    head += f"X-Forwarded-For: {IPv4Address(next(ADDRESSES))}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _parsed(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def _one(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return (await at_once(url, path, [body]))[0][1]


def _token(running: Service, address: str) -> str:
    part = running.mails(address, at_least=1)[-1].get_body(("plain",))
    assert part is not None
    found = re.search(r"#token=(\S+)", part.get_content())
    assert found
    return found.group(1)


async def test_a037_one_address_in_four_spellings_makes_one_account(running: Service) -> None:
    for _ in range(ROUNDS):
        local = f"a{uuid4().hex[:8]}"
        spellings = [f"{local}@x.com", f"{local.upper()}@x.com", f"{local}@X.COM", f" {local}@x.com "]
        bodies = [{"email": spellings[n % 4], "password": PASSWORD} for n in range(PARALLEL)]
        answers = await at_once(running.url, "/auth/register", bodies)
        # Hashes beyond the bounded queue are refused; whoever was let in gets the same answer.
        assert {status for status, _ in answers} <= {202, 503}
        assert {answer["status"] for status, answer in answers if status == 202} == {"pending_verification"}
    assert "user.registered success" in running.log()
    assert running.log().count("user.registered success") == ROUNDS


async def test_one_verification_token_has_one_winner(running: Service) -> None:
    for _ in range(ROUNDS):
        address = f"b{uuid4().hex[:8]}@example.com"
        await _one(running.url, "/auth/register", {"email": address, "password": PASSWORD})
        token = await asyncio.to_thread(_token, running, address)
        answers = await at_once(running.url, "/auth/email/verify", [{"token": token}] * PARALLEL)
        assert Counter(status for status, _ in answers) == {200: 1, 400: PARALLEL - 1}
        assert {answer["code"] for status, answer in answers if status == 400} == {"invalid_token"}


async def test_refresh_has_one_successor_and_reuse_ends_the_session(running: Service) -> None:
    address = f"c{uuid4().hex[:8]}@example.com"
    await _one(running.url, "/auth/register", {"email": address, "password": PASSWORD})
    token = await asyncio.to_thread(_token, running, address)
    await _one(running.url, "/auth/email/verify", {"token": token})
    first = (await _one(running.url, "/auth/login", {"email": address, "password": PASSWORD}))["tokens"][
        "refresh_token"
    ]
    newest = first
    for _ in range(ROUNDS):
        answers = await at_once(running.url, "/auth/refresh", [{"refresh_token": newest}] * PARALLEL)
        assert {status for status, _ in answers} == {200}
        successors = {answer["refresh_token"] for _, answer in answers}
        assert len(successors) == 1
        newest = successors.pop()
    for reused in (first, newest):
        assert (await _one(running.url, "/auth/refresh", {"refresh_token": reused}))["code"] == "invalid_refresh_token"
