"""One host on the oldest versions that pyproject.toml promises, and on the newest: a library takes what it finds."""

import json
import re
import tomllib
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support import wheel as wheels
from tests.support.people import PASSWORD
from tests.support.pythons import PROMISED, pythons
from tests.support.wheel import ROOT, Environment

HOST = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import APIRouter, FastAPI, Request, WebSocket

from fam_auth import Auth, CurrentSession, CurrentUser, install, needs, second_factor
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, any_of, path, permission, role


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
    yield {"pool": "open"}


auth = Auth(features=[Password(), Role(permissions=[Permission("posts:read")])])
app = FastAPI(lifespan=lifespan)
install(app, auth)
below, router = FastAPI(), APIRouter(prefix="/of/{project_id}", dependencies=[needs(role("admin"))])
app.mount("/below", below)


@router.get("/posts", dependencies=[needs(permission("posts:read", scope=path("project_id", "project:")))])
async def posts(project_id: int) -> None: ...


@below.get("/either", dependencies=[needs(any_of(role("admin"), permission("posts:read")))])
async def either() -> None: ...


@app.get("/open", dependencies=[needs.public])
async def opened() -> None: ...


app.include_router(router, prefix="/projects")


@app.get("/async")
async def in_a_coroutine(request: Request, user: CurrentUser) -> str:
    return f"{user.email} {request.state.pool}"


@app.get("/thread")
def in_a_thread(user: CurrentUser, session: CurrentSession) -> str:
    return f"{user.email} {session.assurance}"


@app.get("/strong", dependencies=[needs(second_factor(within=timedelta(minutes=10)))])
async def strong() -> None: ...


@app.get("/items/{number}")
async def item(number: int) -> int:
    return number


@app.websocket("/socket")
async def socket(websocket: WebSocket, user: CurrentUser) -> None:
    await websocket.accept()
    await websocket.send_text(user.email)
"""


def oldest() -> list[str]:
    """Every dependency in the least version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    return [re.sub(r">=([\d.]+).*", lambda bound: f"=={least(bound.group(1))}", line) for line in bounds]


def least(version: str) -> str:
    """A version with three parts is meant exactly; with fewer, as any of its patches."""
    return version if version.count(".") == 2 else f"{version}.*"


LEAST, *LATER = pythons().items()
# What to install, on which Python. The oldest of everything is older than the later Pythons.
VERSIONS = {
    f"oldest on {LEAST[0]}": (oldest(), LEAST[1]),
    f"newest on SQLAlchemy 2.0 and {LEAST[0]}": (["sqlalchemy<2.1"], LEAST[1]),
    **{f"newest on {name}": ([], program) for name, program in (LEAST, *LATER)},
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once."""
    return wheels.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module", params=VERSIONS)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """A Python with these versions, and an application."""
    requirements, python = VERSIONS[request.param]
    made = Environment(tmp_path_factory.mktemp("versions"), python)
    made.install(f"{wheel}[postgres]", "websockets", *requirements)
    return made


def test_the_least_python_is_the_one_that_is_promised() -> None:
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert promised == f">=3.{PROMISED[0][1]}"


@pytest.mark.slow
def test_a_small_host(environment: Environment, tmp_path: Path, database: str) -> None:
    (tmp_path / "host.py").write_text(HOST)
    variables = {"FAM_AUTH_DATABASE": database, "FAM_AUTH_PROFILE": "development", "FAM_AUTH_EMAIL_VERIFICATION": "0"}
    environment.run("fam-auth", "migrate", cwd=tmp_path, **variables)
    environment.run("fam-auth", "doctor", cwd=tmp_path, **variables)
    listed = json.loads(environment.run("fam-auth", "routes", "host:app", "--json", cwd=tmp_path, **variables))
    asked = {f"{row['method']} {row['path']}": (row["asks"], row["proofs"]) for row in listed}
    assert asked["GET /strong"] == ("session", "second factor within 10 min")
    assert asked["WEBSOCKET /socket"] == ("session", "")
    assert asked["GET /items/{number}"] == ("nothing", "")
    assert asked["POST /auth/login"] == ("public", "")
    assert asked["DELETE /auth/me"] == ("session", "proof within 10 min")
    assert asked["GET /open"] == ("public", "")
    rights = {f"{row['method']} {row['path']}": row["rights"] for row in listed if row["rights"]}
    posts = "role admin, permission posts:read in project:{project_id}"
    assert rights["GET /projects/of/{project_id}/posts"] == posts
    assert rights["GET /below/either"] == "(role admin or permission posts:read)"
    assert rights["PUT /auth/users/{user_id}/roles/{name}"] == "permission roles:manage"
    check = ("fam-auth", "routes", "host:app", "--check")
    with pytest.raises(AssertionError, match=r"them \(1\):.*\n  GET /items/\{number\}: add needs"):
        environment.run(*check, cwd=tmp_path, **variables)
    environment.run(*check, "--public", "/items/{number}", cwd=tmp_path, **variables)
    with environment.serving("uvicorn", "host:app", cwd=tmp_path, **variables) as url:
        assert httpx2.get(f"{url}/async").json()["code"] == "unauthenticated"
        assert (
            httpx2.post(f"{url}/auth/register", json={"email": "ada@example.com"}).json()["code"] == "invalid_request"
        )
        assert httpx2.get(f"{url}/items/x").json()["detail"][0]["type"] == "int_parsing"
        body = {"email": "ada@example.com", "password": PASSWORD}
        tokens = httpx2.post(f"{url}/auth/register", json=body).json()["tokens"]
        tokens = httpx2.post(f"{url}/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert httpx2.get(f"{url}/async", headers=header).json() == "ada@example.com open"
        assert httpx2.get(f"{url}/thread", headers=header).json() == "ada@example.com aal1"
        strong = httpx2.get(f"{url}/strong", headers=header)
        assert (strong.status_code, strong.json()["code"]) == (401, "step_up_required")
        assert 'max_age="600"' in strong.headers["WWW-Authenticate"]
        socket = f"{url}/socket".replace("http", "ws", 1)
        with connect(socket, additional_headers=header) as opened:
            assert opened.recv() == "ada@example.com"
        with pytest.raises(InvalidStatus) as denied:
            connect(socket)
        assert denied.value.response.status_code == 401
        document = httpx2.get(f"{url}/openapi.json").json()["paths"]
        assert document["/async"]["get"]["security"]
        assert document["/projects/of/{project_id}/posts"]["get"]["x-needs"] == posts.split(", ")
        assert httpx2.get(f"{url}/projects/of/1/posts", headers=header).json()["code"] == "forbidden"
        form = {"username": "ada@example.com", "password": PASSWORD}
        assert httpx2.post(f"{url}/auth/token", data=form).json()["token_type"].lower() == "bearer"
        assert httpx2.post(f"{url}/auth/logout", headers=header).status_code == 204
        assert httpx2.get(f"{url}/async", headers=header).status_code == 401
