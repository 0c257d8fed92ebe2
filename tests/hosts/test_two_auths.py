"""Two Auths in one process: two mounted sub-applications on two databases, and nothing of one counts in the other.

Starlette runs the lifespan of the outermost application alone. So that one starts what it has mounted: by
`running(auth)` in its own lifespan, or by entering the lifespan of the sub-application.
"""

import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fam_auth import Auth, CurrentUser, install
from fam_auth.exceptions import Misconfigured
from fam_auth.install import running
from tests.conftest import new_auth
from tests.support.people import PASSWORD, Clock, Mailbox

ORIGIN = "https://app.example.com"
BODY = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def auths(sqlite_template: Path, tmp_path: Path, clock: Clock, mailbox: Mailbox) -> tuple[Auth, Auth]:
    """One for customers and one for staff, with the same secret; their addresses say where they are mounted."""

    def one(name: str) -> Auth:
        shutil.copy(sqlite_template, tmp_path / f"{name}.db")
        settings = {"app_name": name, "public_url": f"{ORIGIN}/{name}", "email_verification": False}
        return new_auth(f"sqlite+aiosqlite:///{tmp_path}/{name}.db", clock, mailbox, **settings)

    return one("customers"), one("staff")


@pytest.fixture
def http(auths: tuple[Auth, Auth]) -> Iterator[TestClient]:
    """A browser before an application that has mounted both."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(auths[0]), running(auths[1]):
            yield

    outer = FastAPI(lifespan=lifespan)
    for auth in auths:
        outer.mount(f"/{auth.settings.app_name}", inner(auth))
    with TestClient(outer, ORIGIN) as client:
        yield client


def inner(auth: Auth, app: FastAPI | None = None) -> FastAPI:
    """A sub-application with a route for signed-in users."""
    app = app or FastAPI()
    app.add_api_route("/hello", hello)
    install(app, auth)
    return app


async def hello(user: CurrentUser) -> str:
    return user.email


def statuses(http: TestClient, **headers: str) -> list[int]:
    """What the routes of customers and staff answer."""
    return [http.get(f"/{name}/hello", headers=headers).status_code for name in ("customers", "staff")]


def test_a_bearer_token_works_only_where_it_was_issued(http: TestClient) -> None:
    customer, employee = (http.post(f"/{name}/auth/register", json=BODY).json() for name in ("customers", "staff"))
    assert statuses(http, Authorization=f"Bearer {customer['tokens']['access_token']}") == [200, 401]
    assert statuses(http, Authorization=f"Bearer {employee['tokens']['access_token']}") == [401, 200]
    body = {"refresh_token": customer["tokens"]["refresh_token"]}
    assert http.post("/staff/auth/refresh", json=body).json()["code"] == "invalid_refresh_token"
    assert http.post("/customers/auth/refresh", json=body).status_code == 200


def test_a_cookie_works_only_where_it_was_issued(http: TestClient) -> None:
    """Both are of one name and of the whole host (`__Host-`), so a browser is signed in on one side at a time."""
    assert http.post("/customers/auth/register", json={**BODY, "transport": "cookie"}).status_code == 201
    assert statuses(http) == [200, 401]
    assert http.post("/staff/auth/register", json={**BODY, "transport": "cookie"}).status_code == 201
    assert statuses(http) == [401, 200]


def test_links_lead_to_their_own_application(http: TestClient, auths: tuple[Auth, Auth]) -> None:
    assert auths[0].link("verify_email", "T") == f"{ORIGIN}/customers/auth/verify-email#token=T"
    assert auths[1].link("verify_email", "T") == f"{ORIGIN}/staff/auth/verify-email#token=T"


def test_a_mounted_application_is_not_started_by_its_mount(auths: tuple[Auth, Auth]) -> None:
    """Why the outer lifespan has to: Starlette calls none but its own."""
    heard: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        heard.append("up")
        yield

    outer = FastAPI()
    outer.mount("/customers", inner(auths[0], FastAPI(lifespan=lifespan)))
    with TestClient(outer, ORIGIN) as client:
        assert client.get("/customers/auth/health/live").status_code == 200
    assert heard == []


def test_the_lifespan_of_a_sub_application_starts_its_auth(
    sqlite_database: str, clock: Clock, mailbox: Mailbox
) -> None:
    heard: list[str] = []

    @asynccontextmanager
    async def own(_: FastAPI) -> AsyncIterator[None]:
        heard.append("up")
        yield
        heard.append("down")

    customers = inner(new_auth(sqlite_database, clock, mailbox), FastAPI(lifespan=own))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with customers.router.lifespan_context(customers):
            yield

    outer = FastAPI(lifespan=lifespan)
    outer.mount("/customers", customers)
    with TestClient(outer, ORIGIN) as client:
        assert client.post("/customers/auth/register", json=BODY).status_code == 202
        for _ in range(100):
            if mailbox.mails:
                break
            time.sleep(0.05)
    assert heard == ["up", "down"]
    assert [mail.recipient for mail in mailbox.mails] == [BODY["email"]]


def test_a_sub_application_without_an_auth_has_none(auths: tuple[Auth, Auth]) -> None:
    outer, plain = inner(auths[0]), FastAPI()
    plain.add_api_route("/hello", hello)
    outer.mount("/plain", plain)
    with TestClient(outer, ORIGIN) as client, pytest.raises(Misconfigured, match="install\\(app, auth\\)"):
        client.get("/plain/hello")
