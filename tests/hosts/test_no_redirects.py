"""No response leads to the address in the Host header, neither by a redirect nor otherwise."""

import re
from collections.abc import Iterator
from importlib import import_module
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from fam_auth import install
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.http.access_rules import rules
from tests.conftest import MakeAuth, OpenWorld
from tests.support.people import World

EVIL = "evil.example"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def database(sqlite_database: str) -> str:
    """What happens to an address is the same on each."""
    return sqlite_database


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """Every route and every page."""
    return await open_world(features=[Password(), Otp(), Role()], hosted=True)


def paths(app: FastAPI) -> Iterator[str]:
    """Every path of ours, filled in, with and without a slash at its end."""
    yield "/auth"
    for path in sorted({rule.path for rule in rules(app) if rule.path.startswith("/auth")}):
        filled = re.sub(r"{\w*id\w*}", str(uuid4()), path)
        yield from {(bare := re.sub(r"{[^}]+}", "x", filled).rstrip("/")), f"{bare}/"}


def tells_of(answer: httpx2.Response, name: str) -> bool:
    return name in answer.text or any(name in value for value in answer.headers.values())


async def test_no_answer_has_the_host_header_in_it(world: World) -> None:
    http = await world.client(Host=EVIL, Accept="text/html")
    every = list(paths(world.app))
    assert len(every) > 150
    for path in every:
        for method in METHODS:
            answer = await http.request(method, path, follow_redirects=False)
            assert not tells_of(answer, EVIL), (method, path, dict(answer.headers))
            assert not answer.headers.get("Location", "/").startswith(("http", "//")), (method, path)


async def test_an_additional_slash_is_not_found(world: World) -> None:
    http = await world.client(Host=EVIL)
    answer = await http.get("/auth/me/", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_prefix_alone_is_the_prefix_with_a_slash(world: World, open_world: OpenWorld) -> None:
    http = await world.client(Host=EVIL)
    answer = await http.get("/auth", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/auth/sign-in")
    without = await (await open_world()).client(Host=EVIL)
    answer = await without.get("/auth", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_socket_to_an_unknown_path_is_denied(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth(), pages=True)
    http = TestClient(app)
    for path in ("/auth", "/auth/me/", "/auth/nowhere"):
        with pytest.raises(WebSocketDenialResponse) as denied, http.websocket_connect(path):
            pass
        assert denied.value.status_code == 404


async def test_within_a_mounted_application(open_world: OpenWorld) -> None:
    below = FastAPI()
    host = FastAPI()
    host.mount("/below", below)
    world = await open_world(below)
    assert world.app is below
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(host), base_url=f"https://{EVIL}") as http:
        for path in ("/below/auth", "/below/auth/me/", "/below/auth/"):
            answer = await http.get(path, follow_redirects=False)
            assert (answer.status_code, tells_of(answer, EVIL)) == (404, False)
        assert (await http.get("/below/auth/me")).status_code == 401


async def test_the_service_never_redirects_by_slash(make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    auth = make_auth(api_docs=True, profile="development")
    service = import_module("fam_auth.main").create(auth)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(service), base_url=f"http://{EVIL}") as http:
        for path in ("/docs/", "/openapi.json/", "/auth/config/"):
            answer = await http.get(path, follow_redirects=False)
            assert (answer.status_code, tells_of(answer, EVIL)) == (404, False)
    await auth.close()
