"""The address of a client: X-Forwarded-For, trusted proxies, and servers that rewrite it first."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.requests import HTTPConnection
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fam_auth import install
from fam_auth.core import forwarded
from fam_auth.http.client import client_of
from fam_auth.repository.data_access.managers import diagnosis
from tests.conftest import MakeAuth, OpenWorld
from tests.support.people import Person, World
from tests.support.service import free_port, variables


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    """Resets the warnings that this process has logged already."""
    forwarded.warn.cache_clear()
    yield
    forwarded.warn.cache_clear()


@pytest.fixture
def database(sqlite_database: str) -> str:
    """What comes before the database is the same on each."""
    return sqlite_database


READ = {
    "203.0.113.8": "203.0.113.8",
    "203.0.113.8:51234": "203.0.113.8",
    "2001:db8::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:443": "2001:db8::1",
    "2001:db8::1:443": "2001:db8::1:443",
    "fe80::1%eth0": "fe80::1",
    "[fe80::1%25eth0]:443": "fe80::1",
    "fe80::1%": "fe80::1",
    "::ffff:203.0.113.8": "203.0.113.8",
    "[::ffff:203.0.113.8]:1": "203.0.113.8",
    "2001:0DB8:0:0::1": "2001:db8::1",
}
UNREAD = [
    "",
    "unknown",
    "_hidden",
    "203.0.113.8:",
    "203.0.113.8:port",
    "203.0.113.8:123456",
    "203.0.113.8.9",
    "[",
    "[]",
]
UNREAD += [
    "[2001:db8::1",
    "[2001:db8::1]443",
    "[[::1]]",
    "for=203.0.113.8",
    "203.0.113.8\x00",
    "\uff12\uff10\uff13.0.113.8",
    "%eth0",
]


@pytest.mark.parametrize("given", READ)
def test_an_address_is_read_without_port_brackets_and_zone(given: str) -> None:
    assert str(forwarded.address(given)) == READ[given]


@pytest.mark.parametrize("given", UNREAD)
def test_invalid_client_addresses_are_ignored(given: str) -> None:
    assert forwarded.address(given) is None


def connection(app: FastAPI, peer: tuple[str, int] | None, *sent: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", value.encode("latin-1", "replace")) for value in sent]
    return HTTPConnection({"type": "http", "app": app, "client": peer, "headers": headers})


NETWORKS, SOCKETS, BOTH = "10.0.0.0/8", "unix", "10.0.0.0/8, unix"
PROXY, SOCKET = ("10.0.0.1", 1), None
CHAINS = [
    (NETWORKS, PROXY, ("203.0.113.8:51234",), "203.0.113.8"),
    (NETWORKS, PROXY, ("[2001:db8::1]:443",), "2001:db8::1"),
    (NETWORKS, PROXY, ("192.0.2.7, 203.0.113.8:1, 10.0.0.2:443",), "203.0.113.8"),
    (NETWORKS, PROXY, ("203.0.113.8", "unknown, 10.0.0.2"), "10.0.0.2"),
    (NETWORKS, PROXY, (), "10.0.0.1"),
    (NETWORKS, SOCKET, ("203.0.113.8",), None),
    (NETWORKS, ("", 0), ("203.0.113.8",), None),
    (SOCKETS, SOCKET, ("203.0.113.8:51234",), "203.0.113.8"),
    (SOCKETS, ("", 0), ("192.0.2.7, 203.0.113.8",), "203.0.113.8"),
    (SOCKETS, SOCKET, (), None),
    (SOCKETS, SOCKET, ("nobody",), None),
    (SOCKETS, ("testclient", 1), ("203.0.113.8",), None),
    (SOCKETS, PROXY, ("203.0.113.8",), "10.0.0.1"),
    (BOTH, SOCKET, ("203.0.113.8, 10.0.0.2",), "203.0.113.8"),
]


@pytest.mark.parametrize(("trusted", "peer", "sent", "expected"), CHAINS)
def test_the_address_of_a_client_is_found(
    make_auth: MakeAuth, trusted: str, peer: tuple[str, int] | None, sent: tuple[str, ...], expected: str | None
) -> None:
    app = FastAPI()
    install(app, make_auth(trusted_proxies=trusted))
    assert client_of(connection(app, peer, *sent)).address == expected


async def test_strangers_behind_a_socket_lock_nobody_else_out(open_world: OpenWorld) -> None:
    """A peer without an address, whose clients have ports: each has the limits of its own network."""
    world = await open_world(trusted_proxies="unix", throttle={"network": "3/5m"})
    way = httpx2.ASGITransport(world.app, client=("", 0))
    async with httpx2.AsyncClient(transport=way, base_url="https://app.example.com") as http:
        for number, expected in enumerate([401, 401, 401, 429]):
            http.headers["X-Forwarded-For"] = f"203.0.113.8:{number + 1}"
            assert (await Person(world, f"user{number}@example.com", http, "wrong").login()).status_code == expected
        http.headers["X-Forwarded-For"] = "203.0.113.9:1"
        assert (await Person(world, "other@example.com", http, "wrong").login()).status_code == 401


def test_an_unreadable_forwarded_header_is_logged_once_without_its_value(
    make_auth: MakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    install(app, make_auth(trusted_proxies=NETWORKS))
    client_of(connection(app, PROXY))
    client_of(connection(app, ("198.51.100.1", 1), "canary"))
    assert caplog.messages == []
    for number in range(3):
        client_of(connection(app, PROXY, f"canary{number}"))
    assert caplog.messages == [forwarded.UNREADABLE]


def test_a_rewritten_client_address_is_logged_once(make_auth: MakeAuth, caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    install(app, make_auth())
    for peer, sent in ((("192.0.2.7", 1), ("192.0.2.7",)), (("192.0.2.7", 0), ()), (("", 0), ("192.0.2.7",))):
        client_of(connection(app, peer, *sent))
    assert caplog.messages == []
    for _ in range(3):
        client_of(connection(app, ("192.0.2.7", 0), "192.0.2.7"))
    assert caplog.messages == [forwarded.REWRITTEN]


async def advised(world: World, **patience: timedelta) -> list[str]:
    """The advice of `fam-auth doctor`."""
    found = await diagnosis.diagnosed(world.auth, **patience)
    return [one.found for one in found if one.check == diagnosis.ADVICE]


@pytest.mark.parametrize("name", forwarded.BELIEVING)
async def test_doctor_reports_what_makes_uvicorn_trust_headers(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for one in forwarded.BELIEVING:
        monkeypatch.delenv(one, raising=False)
    assert list(forwarded.advice()) == []
    monkeypatch.setenv(name, "*")
    [told] = [one for one in await advised(world) if "uvicorn" in one]
    assert told.startswith(f"{name} makes uvicorn rewrite")


async def test_doctor_reports_proxies_that_forward_no_client_address(open_world: OpenWorld) -> None:
    world = await open_world(trusted_proxies="127.0.0.1, unix")

    async def told() -> list[str]:
        return [one for one in await advised(world) if "audit log" in one]

    assert await told() == []
    async with httpx2.AsyncClient(transport=world.way, base_url="https://app.example.com") as http:
        await Person(world, "ada@example.com", http, "wrong").login()
        [about] = await told()
        assert about.startswith("1 of the latest 1 requests in the audit log have no client address")
        http.headers["X-Forwarded-For"] = "203.0.113.8:1"
        for number in range(2):
            await Person(world, f"ada{number}@example.com", http, "wrong").login()
    assert await told() == []
    await world.auth.database.rows(text("UPDATE auth_event SET address = NULL"))
    assert len(await told()) == 1


async def test_doctor_does_not_wait_for_the_audit_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_addresses", lambda _: asyncio.sleep(60))
    assert "audit log" not in str(await advised(world, patience=timedelta(seconds=0.5)))


@pytest.mark.parametrize(("profile", "told"), [("production", [forwarded.REWRITES]), ("development", [])])
async def test_the_start_checks_what_wraps_the_application(
    make_auth: MakeAuth, caplog: pytest.LogCaptureFixture, profile: str, told: list[str]
) -> None:
    app, messages = FastAPI(), iter(["lifespan.startup", "lifespan.shutdown"])
    install(app, make_auth(profile=profile), worker=False)
    answers = list[str]()

    async def receive() -> Any:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        answers.append(message["type"])

    assert not forwarded.is_rewriting()
    before: Any = ProxyHeadersMiddleware(app)  # type: ignore[arg-type]
    await before({"type": "lifespan", "state": {}}, receive, send)
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert [message for message in caplog.messages if "uvicorn" in message] == told


@contextmanager
def uvicorn(folder: Path, database: str, *arguments: str, **environment: str) -> Iterator[Path]:
    """The service as a plain `uvicorn` runs it; gives its log once it has started."""
    command = [sys.executable, "-m", "uvicorn", "fam_auth.main:app", *arguments]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=variables(folder, database, **environment), stdout=file, stderr=file
        )
        try:
            deadline = time.monotonic() + 90
            while "startup complete" not in log.read_text() and time.monotonic() < deadline:
                time.sleep(0.1)
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def test_the_start_reports_a_plain_uvicorn_that_rewrites_addresses(tmp_path: Path, database: str) -> None:
    port = str(free_port())
    with uvicorn(tmp_path, database, "--port", port) as log:
        assert log.read_text().count(forwarded.REWRITES) == 1
    with uvicorn(tmp_path, database, "--port", port, "--no-proxy-headers") as log:
        assert "startup complete" in log.read_text()
        assert forwarded.REWRITES not in log.read_text()
    with uvicorn(tmp_path, database, "--port", port, FAM_AUTH_PROFILE="development") as log:
        assert "startup complete" in log.read_text()
        assert forwarded.REWRITES not in log.read_text()


async def test_a_plain_uvicorn_behind_a_unix_socket(tmp_path: Path, world: World, database: str) -> None:
    socket = f"/tmp/fam-auth-{os.getpid()}.sock"  # noqa: S108 - a path of pytest's is longer than a socket's may be
    with uvicorn(tmp_path, database, "--no-proxy-headers", "--uds", socket, FAM_AUTH_TRUSTED_PROXIES="unix") as log:
        assert "startup complete" in log.read_text()
        way = httpx2.AsyncHTTPTransport(uds=socket)
        async with httpx2.AsyncClient(transport=way, base_url="http://app.example.com") as http:
            http.headers["X-Forwarded-For"] = "[2001:db8::8]:51234"
            answer = await Person(world, "ada@example.com", http, "wrong").login()
    assert answer.status_code == 401
    [event] = await world.auth.database.rows(text("SELECT address FROM auth_event WHERE kind = 'login.failed'"))
    assert event.address == "2001:db8::8"
    assert logging.getLevelName(logging.WARNING) not in log.read_text()
