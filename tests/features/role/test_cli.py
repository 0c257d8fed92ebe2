"""`fam-auth roles`, `create-admin` and `routes`."""

import json
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path

import pytest

from fam_auth import cli
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from tests.conftest import SECRETS
from tests.support.people import Person, World
from tests.support.service import service

Run = Callable[..., str]
OpenWorld = Callable[..., Awaitable[World]]
HOST = """
from fastapi import FastAPI, WebSocket
from starlette.routing import Route
from fam_auth import Auth, CurrentUser, install, needs, second_factor
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, path, permission

auth = Auth(features=[
    Password(),
    Role(permissions=[Permission("posts:publish")], roles={"editor": ["posts:publish"]}),
])
app, sub, other = FastAPI(), FastAPI(), object()
install(app, auth)

@app.get("/strong", dependencies=[needs(second_factor(), permission("posts:publish", scope=path("id", "post:")))])
async def strong(id: int) -> None: ...

@app.get("/open", dependencies=[needs.public])
async def opened() -> None: ...

@app.get("/forgotten")
async def forgotten() -> None: ...

@app.websocket("/socket")
async def socket(websocket: WebSocket, user: CurrentUser) -> None: ...

@sub.get("/below", dependencies=[needs.public])
async def below() -> None: ...

app.mount("/sub", sub)
"""


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command against the test's database and gives what it printed; `code` is the exit code expected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "host", raising=False)
    for name, value in {
        "DATABASE": database,
        "PROFILE": "production",
        "SECRETS": SECRETS,
        "PUBLIC_URL": "https://app.example.com",
        "MAIL": "smtp://mail.example.com",
    }.items():
        monkeypatch.setenv(f"FAM_AUTH_{name}", value)

    def running(*arguments: str, stdin: str | None = None, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["fam-auth", *arguments])
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed
        return printed.out + printed.err

    return running


def test_the_first_administrator(run: Run) -> None:
    assert "ada@example.com" in run("create-admin", "ada@example.com", "--stdin", stdin="seventeen green llamas\n")
    assert "ada@example.com" in run("create-admin", "ADA@example.com")
    [grant] = json.loads(run("roles", "who", "admin", "--json"))
    assert (grant["address"], grant["granted_by"], grant["expires_at"]) == ("ada@example.com", "None", "None")
    assert "last administrator" in run("roles", "revoke", "ada@example.com", "admin", code=1)
    link = run("create-admin", "bob@example.com", "--link").strip()
    assert link.startswith("https://app.example.com/auth/reset-password#token=famp_")
    assert "Revoked." in run("roles", "revoke", "ada@example.com", "admin")
    assert run("create-admin", "ada@example.com", "--link").startswith("https://")
    poor = run("create-admin", "eve@example.com", "--stdin", stdin="password123\n", code=1)
    assert "too easy to guess" in poor


async def test_a_user_with_an_unverified_address_becomes_administrator_only_by_link(
    run: Run, open_world: OpenWorld
) -> None:
    """Whoever registered it first knows its password, and may only wait for the owner to follow the link (S-128)."""
    world = await open_world(features=[Password(), Role()])
    mallory = await world.person("ada@example.com")
    await mallory.register()
    refused = await to_thread(run, "create-admin", "ada@example.com", code=1)
    assert "The address ada@example.com is not verified. Use --link" in refused
    assert "Nothing to show." in await to_thread(run, "roles", "who", "admin")
    link = (await to_thread(run, "create-admin", "ada@example.com", "--link")).strip()
    await mallory.verify()
    assert (await mallory.login()).json()["code"] == "invalid_credentials"
    body = {"token": link.rpartition("=")[2], "new_password": "eleven purple yaks"}
    assert (await mallory.http.post("/auth/password/reset", json=body)).status_code == 204
    ada = Person(world, "ada@example.com", await world.client(), body["new_password"])
    assert (await ada.login()).json()["session"]["claims"]["roles"] == ["admin"]


async def test_without_verification_any_user_can_become_administrator(
    run: Run, open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await open_world(features=[Password(), Role()], email_verification=False)
    await (await world.person("ada@example.com")).register()
    monkeypatch.setenv("FAM_AUTH_EMAIL_VERIFICATION", "false")
    assert "ada@example.com" in await to_thread(run, "create-admin", "ada@example.com")


@pytest.mark.engines("postgresql")  # two services start for one line of the log
def test_serve_says_how_to_create_the_first_administrator(run: Run, database: str, tmp_path: Path) -> None:
    with service(tmp_path, database) as running:
        [line] = [line for line in running.log().splitlines() if "no administrator" in line]
    assert line.startswith("There is no administrator yet. Create one with `fam-auth create-admin EMAIL`")
    (tmp_path / "log").unlink()
    run("create-admin", "ada@example.com", "--stdin", stdin="seventeen green llamas\n")
    with service(tmp_path, database) as running:
        assert "no administrator" not in running.log()


def test_roles_are_created_granted_revoked_and_deleted(run: Run) -> None:
    run("create-admin", "ada@example.com", "--stdin", stdin="seventeen green llamas\n")
    assert "users:read" in run("roles", "create", "support", "--permission", "users:read", "--include", "admin")
    assert "users:raed does not exist" in run("roles", "create", "other", "--permission", "users:raed", code=1)
    [shown] = json.loads(run("roles", "show", "support", "--json"))
    assert (shown["permissions"], shown["includes"], shown["in_code"]) == ("users:read", "admin", "False")
    assert [one["name"] for one in json.loads(run("roles", "list", "--json"))] == ["admin", "support"]
    assert "Granted." in run("roles", "grant", "ada@example.com", "support", "--scope", "x:1", "--until", "2100-01-01")
    [grant] = json.loads(run("roles", "who", "support", "--json"))
    assert (grant["scope"], grant["expires_at"]) == ("x:1", "2100-01-01 00:00:00+00:00")
    assert "ada@example.com does not have the role support." in run(
        "roles", "revoke", "ada@example.com", "support", code=1
    )
    assert run("roles", "delete", "support", stdin="n\n", code=1)
    assert "Deleted." in run("roles", "delete", "support", "--yes")
    assert "No role with the name support." in run("roles", "who", "support", code=1)


def test_sync_writes_the_roles_of_an_application_to_the_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(HOST)
    planned = json.loads(run("roles", "sync", "host:app", "--plan", "--json"))
    assert [(one["role"], one["before"]) for one in planned] == [("admin", "null"), ("editor", "null")]
    assert json.loads(run("roles", "sync", "host:auth", "--json")) == planned
    assert "Nothing to show." in run("roles", "sync", "host:app")
    [given_up] = json.loads(run("roles", "sync", "--json"))
    assert (given_up["role"], given_up["after"]) == ("editor", "null")
    assert "neither an Auth" in run("roles", "sync", "host:other", code=2)
    assert "Cannot import" in run("roles", "sync", "nowhere:app", code=2)
    assert "Cannot import" in run("roles", "sync", "host", code=2)


def test_the_routes_command_lists_demands(run: Run, tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(HOST)
    rows = {f"{row['method']} {row['path']}": row for row in json.loads(run("routes", "host:app", "--json"))}
    assert rows["GET /strong"] == {
        "method": "GET",
        "path": "/strong",
        "asks": "session",
        "transport": "bearer cookie",
        "proofs": "second factor",
        "rights": "permission posts:publish in post:{id}",
    }
    asks = {name: row["asks"] for name, row in rows.items() if not name.split()[1].startswith("/auth")}
    assert asks == {
        "GET /docs": "public",
        "GET /docs/oauth2-redirect": "public",
        "GET /forgotten": "nothing",
        "GET /open": "public",
        "GET /openapi.json": "public",
        "GET /redoc": "public",
        "GET /strong": "session",
        "GET /sub/below": "public",
        "GET /sub/docs": "public",
        "GET /sub/docs/oauth2-redirect": "public",
        "GET /sub/openapi.json": "public",
        "GET /sub/redoc": "public",
        "HEAD /docs": "public",
        "HEAD /docs/oauth2-redirect": "public",
        "HEAD /openapi.json": "public",
        "HEAD /redoc": "public",
        "HEAD /sub/docs": "public",
        "HEAD /sub/docs/oauth2-redirect": "public",
        "HEAD /sub/openapi.json": "public",
        "HEAD /sub/redoc": "public",
        "WEBSOCKET /socket": "session",
    }
    silent = run("routes", "host:app", "--check", code=1)
    assert "GET /forgotten: add needs(...)" in silent
    assert "permission users:read" in run("routes", "host:app", "--check", "--public", "/forgotten")
    assert "not a FastAPI application" in run("routes", "host:auth", code=2)
    assert "GET" in run("routes", "host:sub")
