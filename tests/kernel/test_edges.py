"""The edges of the small parts: repeats, deadlines, proxies, logs, the form of generated migrations."""

import asyncio
import json
import logging
from contextlib import suppress
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from sqlalchemy import JSON, DateTime, Integer
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fam_auth import CurrentSession, CurrentUser, install
from fam_auth.core.addresses import parse
from fam_auth.core.database import answered, retried
from fam_auth.core.hashing import Hasher
from fam_auth.core.logs import JsonLines, configure
from fam_auth.core.upgrade import options
from fam_auth.exceptions import Busy, Conflict, InvalidRequest, Misconfigured, Unavailable
from fam_auth.http.client import client_of
from fam_auth.http.installed import auth_of
from fam_auth.http.route import new_router
from fam_auth.models.base import UtcDateTime
from fam_auth.repository.data_access.managers import users, verifications, worker
from fam_auth.values import Client, RegistrationProof
from tests.conftest import MakeAuth, new_auth
from tests.support.people import Clock, Mailbox, World


class Failure(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


async def test_a_serialization_failure_is_retried_and_then_reported() -> None:
    tries: list[int] = []

    @retried
    async def work(*, until: int, db: object = None) -> int:
        tries.append(1)
        with answered():
            if len(tries) < until:
                raise DBAPIError("statement", {}, Failure("40001"))
        return len(tries)

    assert await work(until=3) == 3
    tries.clear()
    with pytest.raises(Conflict):
        await work(until=9)
    assert len(tries) == 3
    tries.clear()
    with pytest.raises(Conflict):
        await work(until=9, db=object())
    assert len(tries) == 1


def test_database_failures_are_unavailable_and_bugs_are_not() -> None:
    for error in (DBAPIError("statement", {}, Failure("57014")), ConnectionError(), TimeoutError()):
        with pytest.raises(Unavailable), answered():
            raise error


async def test_more_hashes_than_the_queue_holds_are_refused() -> None:
    hasher = Hasher(threads=1)
    many = await asyncio.gather(*(hasher.verify(None, "x") for _ in range(9)), return_exceptions=True)
    assert [one for one in many if not isinstance(one, Busy)] == [False] * 5
    assert not await hasher.verify("no hash", "x")
    hasher.close()


def test_a_log_line_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="first") as raised:
        int("first\nsecond")
    trace = (raised.type, raised.value, raised.tb)
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\r\nb\x1b[31m", (), trace)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "a\r\nb\x1b[31m"
    configure(readable=True)
    logging.getLogger("fam_auth").info("for people")
    configure(readable=False)
    logging.getLogger("fam_auth").info("for programs")
    for handler in logging.getLogger().handlers:
        handler.close()
    printed = capsys.readouterr().err
    assert "INFO     fam_auth: for people" in printed
    assert '"message": "for programs"' in printed
    logging.getLogger().handlers.clear()


def test_migrations_name_sqlalchemys_own_types(make_auth: MakeAuth) -> None:
    class Context:
        imports: set[str] = set()  # noqa: RUF012

    plainly = options(make_auth().histories[0], None)["render_item"]
    assert plainly("type", UtcDateTime(), Context) == "sa.DateTime(timezone=True)"
    assert "JSONB" in plainly("type", JSON(), Context)
    assert Context.imports == {"from sqlalchemy.dialects import postgresql"}
    assert plainly("type", DateTime(), Context) is False
    assert plainly("table", Integer(), Context) is False


def connection(app: FastAPI, peer: str | None, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return HTTPConnection({"type": "http", "app": app, "client": peer and (peer, 1), "headers": headers})


def test_a044_forwarded_addresses_count_only_from_our_proxies(make_auth: MakeAuth) -> None:
    plain, behind = FastAPI(), FastAPI()
    install(plain, make_auth())
    install(behind, make_auth(trusted_proxies="10.0.0.0/8, ::1/128"))
    table: list[tuple[FastAPI, str | None, tuple[str, ...], str | None]] = [
        (plain, "10.0.0.1", ("192.0.2.7",), "10.0.0.1"),
        (behind, "10.0.0.1", ("203.0.113.9, 192.0.2.7",), "192.0.2.7"),
        (behind, "10.0.0.1", ("192.0.2.7", "10.0.0.2"), "192.0.2.7"),
        (behind, "198.51.100.1", ("192.0.2.7",), "198.51.100.1"),
        (behind, "::ffff:10.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        (behind, "10.0.0.1", ("nonsense",), "10.0.0.1"),
        (behind, "10.0.0.1", (), "10.0.0.1"),
        (behind, "testclient", ("192.0.2.7",), None),
        (behind, None, (), None),
    ]
    for app, peer, forwarded, expected in table:
        assert client_of(connection(app, peer, *forwarded)).address == expected


def test_an_application_without_auth_is_named() -> None:
    with pytest.raises(Misconfigured, match="install"):
        auth_of(connection(FastAPI(), None))


async def test_small_refusals_of_users(world: World) -> None:
    with pytest.raises(InvalidRequest):
        users.checked("no address")
    assert "features=['password']" in repr(world.auth)


async def test_one_code_verifies_once(postgres_database: str) -> None:
    """All of them are right; one of them is first."""
    auth = new_auth(postgres_database, Clock(), Mailbox())
    ada = await users.create(auth, "ada@example.com")
    async with auth.transaction() as db:
        await auth.database.together(db, *verifications.mail(auth, ada.id, parse(ada.email), Client()))
    await worker.deliver(auth)
    assert isinstance(auth.carrier, Mailbox)
    [mail] = auth.carrier.mails
    code = next(line for line in mail.text.splitlines() if line.isdigit())
    nothing = RegistrationProof()
    tries = [verifications.verify_by_code(auth, ada.email, code, nothing, Client()) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["InvalidCode"] * 4 + ["User"]
    await auth.close()


async def test_the_worker_waits_for_its_database() -> None:
    auth = new_auth("postgresql+psycopg://127.0.0.1:1/none", Clock(), Mailbox())
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.work(auth, stopping, pause=timedelta(milliseconds=1)))
    await asyncio.sleep(0.1)
    assert not task.done()
    stopping.set()
    await task
    await auth.close()


async def test_a_deadline_and_an_unreadable_body(world: World) -> None:
    router, ended = new_router("test"), asyncio.Event()

    @router.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    @router.get("/stubborn")
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(0.2)
        ended.set()

    @router.get("/torn")
    async def torn(request: Request) -> None:
        raise HTTPException(400)

    world.app.include_router(router)
    object.__setattr__(world.auth.settings, "request_deadline", timedelta(milliseconds=20))
    client = await world.client()
    for path in ("/slow", "/stubborn"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
    assert not ended.is_set()
    await ended.wait()
    assert (await client.get("/torn")).json()["errors"][0]["code"] == "unreadable"


def test_a_host_with_websockets_and_plain_functions(make_auth: MakeAuth) -> None:
    app, routes = FastAPI(), APIRouter()
    install(app, make_auth(email_verification=False))

    @routes.websocket("/ws")
    async def ws(socket: WebSocket, user: CurrentUser) -> None:
        await socket.accept()
        await socket.send_text(user.email)
        await socket.close()

    @routes.get("/plain")
    def plain(user: CurrentUser, session: CurrentSession) -> str:
        return f"{user.email} {session.transport}"

    app.include_router(routes)
    with TestClient(app, base_url="https://app.example.com") as client:
        body = {"email": "ada@example.com", "password": "seventeen green llamas"}
        token = client.post("/auth/register", json=body).json()["tokens"]["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get("/plain", headers=bearer).json() == "ada@example.com bearer"
        assert client.get("/plain").json()["code"] == "unauthenticated"
        with client.websocket_connect("/ws", headers=bearer) as socket:
            assert socket.receive_text() == "ada@example.com"
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws"):
            pass
        client.post("/auth/login", json={**body, "transport": "cookie"})
        assert client.get("/plain").json() == "ada@example.com cookie"
        cookie = {"Cookie": f"__Host-fam_session={client.cookies['__Host-fam_session']}"}
        with client.websocket_connect("/ws", headers=cookie) as socket:
            assert socket.receive_text() == "ada@example.com"
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/ws", headers={**cookie, "Origin": "https://evil"}),
        ):
            pass
