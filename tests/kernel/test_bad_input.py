"""Bad input gets a clear problem, never a 500, and is never repeated."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.support.people import PASSWORD, Person, World
from tests.support.service import Service, service

CANARY = "canary-7f3a9"
LONG = " ".join(f"llama {number} of {number * 7919}" for number in range(100))
BODIES: dict[str, dict[str, Any]] = {
    "/auth/register": {"email": "a@example.com", "password": PASSWORD, "name": "Ada", "transport": "bearer"},
    "/auth/login": {"email": "a@example.com", "password": PASSWORD, "transport": "bearer"},
    "/auth/password/check": {"password": PASSWORD},
    "/auth/email/resend": {"email": "a@example.com"},
    "/auth/email/verify": {"email": "a@example.com", "code": "123456"},
    "/auth/refresh": {"refresh_token": "famr_x"},
}
FIELDS = [(path, field) for path, body in BODIES.items() for field in body]
WRONG: list[Any] = [1, 1.5, True, [], ["a"], {}, {"$ne": 1}]
HIDDEN = ["\x00", "\ud800", "\uffff", "\u202e", "\x1b[31m", "a\r\nb"]


def assert_problem(answer: httpx2.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert {"type", "code", "title", "status", "detail", "request_id"} <= problem.keys()
    assert CANARY not in answer.text


@pytest.fixture
async def http(world: World) -> httpx2.AsyncClient:
    return await world.client()


@pytest.fixture
def database(sqlite_database: str) -> str:
    """What is refused before the database is the same on each."""
    return sqlite_database


async def send(http: httpx2.AsyncClient, path: str, body: bytes, kind: str = "application/json") -> httpx2.Response:
    return await http.post(path, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_s100_a085_a088_every_field_of_every_body(http: httpx2.AsyncClient, path: str, field: str) -> None:
    for value in WRONG:
        assert_problem(await http.post(path, json={**BODIES[path], field: value}), 422)
    for sign in HIDDEN:
        body = json.dumps({**BODIES[path], field: f"{CANARY}{sign}x"}).encode()
        answer = await send(http, path, body)
        assert_problem(answer, 422, 401 if path == "/auth/refresh" else 422)
    if field not in {"name", "transport"}:
        assert_problem(await http.post(path, json={**BODIES[path], field: None}), 422)


@pytest.mark.parametrize("path", BODIES)
async def test_a086_json_that_two_parsers_read_differently(http: httpx2.AsyncClient, path: str) -> None:
    body = json.dumps(BODIES[path])
    name = next(iter(BODIES[path]))
    bad = [
        body.replace("{", f'{{"{name}": "{CANARY}", ', 1).encode(),
        json.dumps({**BODIES[path], CANARY[:0] + "is_superuser": True}).encode(),
        b"\xef\xbb\xbf" + body.encode(),
        b'{"' + name.encode() + b'": NaN}',
        b'{"' + name.encode() + b'": Infinity}',
        b"\xff\xfe{}",
        b"[" * 30_000 + b"]" * 30_000,
        b"{",
        b"[]",
        b'"text"',
        b"null",
    ]
    for content in bad:
        assert_problem(await send(http, path, content), 422, 401)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=utf-16",
    ):
        assert_problem(await send(http, path, body.encode(), kind), 415, 422)


async def test_an_empty_body(http: httpx2.AsyncClient) -> None:
    for path in BODIES:
        assert_problem(await http.post(path), 422, 401)


async def test_a_body_of_exactly_the_limit_is_read(http: httpx2.AsyncClient) -> None:
    padding = " " * (64 * 1024 - len('{"password": "x"}'))
    assert (await send(http, "/auth/password/check", f'{{"password": "x"}}{padding}'.encode())).status_code == 200
    assert_problem(await send(http, "/auth/password/check", f'{{"password": "x"}}{padding} '.encode()), 413)


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer  ", "Bearer " + "x" * 100_000, "Basic eDp5", "Bearer a b", "Login x"]
)
async def test_a078_malformed_authorization(http: httpx2.AsyncClient, value: str) -> None:
    assert_problem(await http.get("/auth/me", headers={"Authorization": value}), 401)


async def test_a078_two_and_undecodable_authorizations(http: httpx2.AsyncClient) -> None:
    two = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    assert_problem(await http.get("/auth/me", headers=two), 401)
    assert_problem(await http.get("/auth/me", headers=[(b"Authorization", b"Bearer \xff\xfe")]), 401)
    assert_problem(await http.get("/auth/me", headers={"Cookie": "__Host-fam_session=\x7f;;=;"}), 401)


async def test_s071_a075_no_token_serves_as_another(world: World, ada: Person) -> None:
    tokens = ada.tokens
    for wrong in (tokens["refresh_token"], "famp_" + "x" * 43, tokens["access_token"].replace("fams_", "famc_")):
        answer = await ada.http.get("/auth/me", headers={"Authorization": f"Bearer {wrong}"})
        assert_problem(answer, 401)
    body = {"refresh_token": tokens["access_token"].replace("fams_", "famr_")}
    assert_problem(await ada.http.post("/auth/refresh", json=body), 401)
    for place in (5, 30, -1):
        edited = list(tokens["access_token"])
        edited[place] = "A" if edited[place] != "A" else "B"
        answer = await ada.http.get("/auth/me", headers={"Authorization": f"Bearer {''.join(edited)}"})
        assert_problem(answer, 401)


async def test_queries_and_paths(ada: Person) -> None:
    for path in (
        "/auth/sessions?limit=1&limit=2",
        "/auth/sessions?limit=0",
        "/auth/sessions?limit=x",
        "/auth/events?after=x",
    ):
        assert_problem(await ada.http.get(path), 422)
    assert_problem(await ada.http.delete("/auth/sessions/not-a-uuid"), 422)


DECEPTIVE = [
    "a",
    "a@",
    "@b.com",
    "a@b@c.com",
    "evil@e.com,victim@v.com",
    "evil@e.com;v@v.com",
    "a b@c.com",
    "a@b.com\r\nBcc: c@d.com",
]


@pytest.mark.parametrize(
    "email", [*DECEPTIVE, "a\uff20b.com", "a\ufe6bb.com", "a\uff0cc@b.com", "a@b", "x" * 400 + "@b.com"]
)
async def test_s127_a064_a065_deceptive_addresses(http: httpx2.AsyncClient, email: str) -> None:
    for path in ("/auth/register", "/auth/email/resend"):
        assert_problem(await http.post(path, json={**BODIES[path], "email": email}), 422)


async def test_s127_a062_four_spellings_are_one_account(world: World) -> None:
    for email in ("a@x.com", "A@x.com", "a@X.COM", " a@x.com "):
        assert (await (await world.person(email)).register()).status_code == 202
    rows = await world.auth.database.rows(text("SELECT id FROM auth_user"))
    assert len(rows) == 1


@pytest.mark.parametrize("password", ["ab" * 40 + "ÄöX!", LONG[:1000], " leading", "MixedCase Llamas"])
async def test_s009_the_whole_password_counts(world: World, password: str) -> None:
    ada = await world.person("ada@example.com")
    ada.password = password
    assert (await ada.register()).status_code == 202
    await ada.verify()
    for wrong in (password[:-1] + "#", password.strip()[1:], password.swapcase()):
        ada.password = wrong
        assert (await ada.login()).status_code == 401
    ada.password = password
    assert (await ada.login()).status_code == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("k7#mQ2z", "too_short"),
        ("z" * 2 + "kq" * 512, "too_long"),
        ("password123", "password_blocklisted"),
        ("fam-auth2026", "password_blocklisted"),
        ("eleonore123", "password_blocklisted"),
    ],
)
async def test_s004_s006_poor_passwords(http: httpx2.AsyncClient, password: str, code: str) -> None:
    answer = await http.post("/auth/register", json={"email": "eleonore@example.com", "password": password})
    assert_problem(answer, 422)
    assert answer.json()["errors"][0]["code"] == code
    assert password not in answer.text


@pytest.mark.parametrize(
    "password", ["k7#mQ2zy", "493817260541937", "🦙🐫🐎🦓🦌🐂🐏🐐", "длинныйпарольслов", LONG[:1024]]
)
async def test_s007_no_rules_of_composition(http: httpx2.AsyncClient, password: str) -> None:
    answer = await http.post("/auth/register", json={"email": "ada@example.com", "password": password})
    assert answer.status_code == 202


@pytest.fixture
def running(tmp_path: Path, sqlite_database: str) -> Iterator[Service]:
    with service(tmp_path, sqlite_database) as started:
        yield started


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(320):
        yield b" " * 65536


async def test_twenty_megabytes_over_the_wire(running: Service) -> None:
    headers = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(base_url=running.url, headers=headers) as http:
        assert_problem(await http.post("/auth/login", content=b" " * 20_000_000), 413)
        assert_problem(await http.post("/auth/login", content=_pieces()), 413)
        assert_problem(await http.post("/auth/login", content=b"[" * 100_000 + b"]" * 100_000), 413, 422)
        assert (await http.get("/docs")).status_code == 404
        assert (await http.get("/openapi.json")).status_code == 404


async def test_s122_a092_secrets_are_found_nowhere(running: Service, sqlite_database: str) -> None:
    async with httpx2.AsyncClient(base_url=running.url) as http:
        for path, body in BODIES.items():
            for field in ("password", "code", "refresh_token"):
                await http.post(path, json={**body, field: CANARY})
        await http.post("/auth/login", json={"email": "a@example.com", "password": CANARY})
        await http.post("/auth/register", json={"email": "b@example.com", "password": f"{CANARY} green llamas"})
        await http.get("/auth/me", headers={"Authorization": f"Bearer {CANARY}"})
    mails = running.mails("b@example.com", at_least=1)
    assert CANARY not in str(mails[0])
    assert CANARY not in running.log()
    assert "b@example.com" not in running.log()
    kept = Path(sqlite_database.partition("///")[2])
    for file in kept.parent.glob(f"{kept.name}*"):
        assert CANARY.encode() not in file.read_bytes()
