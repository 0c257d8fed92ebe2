"""install() joins the application of the host: its lifespan, its state and its own handlers stay the host's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from starlette.responses import Response

from fam_auth import Auth, CurrentUser, install
from fam_auth.exceptions import Misconfigured
from fam_auth.repository.data_access.managers import users
from tests.conftest import MakeAuth, new_auth
from tests.support.people import PASSWORD, Clock, Mailbox

BODY = {"email": "ada@example.com", "password": PASSWORD}


class State(TypedDict):
    pool: str


class OutOfStock(Exception):
    pass


class Shop:
    """A host with a lifespan, state and handlers of its own."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.heard: list[str] = []
        self.app = FastAPI(lifespan=self.lifespan)
        self.app.add_exception_handler(OutOfStock, self.sold_out)
        self.app.add_exception_handler(RequestValidationError, self.unreadable)
        self.app.add_api_route("/pool", self.pool)
        self.app.add_api_route("/mine", self.mine)
        self.app.add_api_route("/items/{number}", self.item)
        install(self.app, auth)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[State]:
        assert app is self.app
        # Ours runs already: what the host does at its start may use it, and so may what it does at its end.
        await users.create(self.auth, "first@example.com")
        self.heard.append("up")
        yield {"pool": "open"}
        await users.create(self.auth, "last@example.com")
        self.heard.append("down")

    async def pool(self, request: Request) -> str:
        return str(request.state.pool)

    async def mine(self, user: CurrentUser) -> str:
        return user.email

    async def item(self, number: int) -> str:
        if number:
            raise OutOfStock
        raise RuntimeError("the host's own bug")

    async def sold_out(self, request: Request, error: Exception) -> Response:
        return PlainTextResponse("sold out", 410)

    async def unreadable(self, request: Request, error: Exception) -> Response:
        return PlainTextResponse("unreadable", 400)


@pytest.fixture
def shop(make_auth: MakeAuth) -> Shop:
    return Shop(make_auth(email_verification=False))


@pytest.fixture
def http(shop: Shop) -> Iterator[TestClient]:
    with TestClient(shop.app, "https://app.example.com", raise_server_exceptions=False) as client:
        yield client


def test_the_hosts_lifespan_runs_inside_of_ours(shop: Shop) -> None:
    with TestClient(shop.app):
        assert shop.heard == ["up"]
    assert shop.heard == ["up", "down"]


def test_the_hosts_state_reaches_its_requests(http: TestClient) -> None:
    assert http.get("/pool").json() == "open"
    assert http.post("/auth/register", json=BODY).status_code == 201
    assert http.get("/pool").json() == "open"


def test_an_application_without_a_lifespan(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth())
    with TestClient(app, "https://app.example.com") as http:
        assert http.get("/auth/health/ready").status_code == 200


def test_a_failing_start_stops_the_application(clock: Clock, mailbox: Mailbox, tmp_path: Path) -> None:
    shop = Shop(new_auth(f"sqlite+aiosqlite:///{tmp_path}/empty.db", clock, mailbox))
    with pytest.raises(Misconfigured, match="fam-auth migrate"), TestClient(shop.app):
        pytest.fail("it started")
    assert shop.heard == []


def test_the_lifespan_of_a_router_that_is_included_later(make_auth: MakeAuth) -> None:
    heard = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        heard.append("up")
        yield
        heard.append("down")

    app = FastAPI()
    install(app, make_auth())
    app.include_router(APIRouter(lifespan=lifespan))
    with TestClient(app, "https://app.example.com") as http:
        assert http.get("/auth/health/ready").status_code == 200
    assert heard == ["up", "down"]


def test_the_hosts_handlers_answer_in_its_routes(http: TestClient) -> None:
    assert (http.get("/items/1").status_code, http.get("/items/1").text) == (410, "sold out")
    assert (http.get("/items/x").status_code, http.get("/items/x").text) == (400, "unreadable")
    assert (http.get("/items/0").status_code, http.get("/items/0").text) == (500, "Internal Server Error")


def test_our_routes_answer_problems_whatever_handlers_the_host_has(http: TestClient) -> None:
    answer = http.post("/auth/register", json={"email": "ada@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_refusal_in_a_route_of_the_host_is_a_problem(http: TestClient) -> None:
    answer = http.get("/mine")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_application_starts_again_after_it_has_stopped(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth(email_verification=False))
    with TestClient(app, base_url="https://app.example.com") as client:
        assert client.post("/auth/register", json=BODY).status_code == 201
    with TestClient(app, base_url="https://app.example.com") as client:
        assert client.post("/auth/login", json=BODY).status_code == 200
