"""The example with tables and a history of its own: its customers come in, and its Alembic sees nothing of ours."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from fam_auth.install import running
from fam_auth.repository.data_access.managers import users
from fam_auth.testing import Mailbox, mails_to, sign_in, token_in
from tests.conftest import SECRETS
from tests.support.examples import EXAMPLES, load
from tests.support.people import PASSWORD

OLD = "INSERT INTO customer (id, email, since) VALUES (7, 'Ada@example.com', '2019-05-01 12:00:00+00:00')"
BOUGHT = "INSERT INTO customer_order (id, customer_id, title) VALUES (1, 7, 'An engine')"


@pytest.fixture
def config() -> Config:
    return Config(EXAMPLES / "existing" / "alembic.ini")


@pytest.fixture
def example(database: str, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shop as it was, with one customer and one order, and fam-auth beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    monkeypatch.setenv("FAM_AUTH_SECRETS", SECRETS)
    module = load("existing", monkeypatch)
    command.upgrade(config, "head")
    engine = create_engine(database.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(text(OLD))
        connection.execute(text(BOUGHT))
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('customer_id_seq', 7), setval('customer_order_id_seq', 1)"))
    engine.dispose()
    module.auth.carrier = Mailbox()
    yield module
    sys.modules.pop("models")


@asynccontextmanager
async def opened(example: Any) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(example.app)
    async with running(example.auth), httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http
    await example.engine.dispose()


async def came_in(example: Any, http: httpx2.AsyncClient, email: str) -> None:
    form = {"email": email, "password": PASSWORD}
    assert (await http.post("/auth/register", json=form)).status_code == 202
    token = token_in((await mails_to(example.auth, email, "verify_email"))[-1])
    assert (await http.post("/auth/email/verify", json={"token": token, "password": PASSWORD})).status_code == 200
    tokens = (await http.post("/auth/login", json=form)).json()["tokens"]
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"


async def test_a_customer_of_before_finds_what_they_bought(example: Any) -> None:
    async with opened(example) as http:
        await came_in(example, http, "ada@example.com")
        assert (await http.get("/auth/me")).json()["email"] == "ada@example.com"
        assert (await http.get("/orders")).json() == ["An engine"]
        assert (await http.post("/orders", params={"title": "A second one"})).status_code == 201
        assert (await http.get("/orders")).json() == ["An engine", "A second one"]
        assert (await users.found(example.auth, "ada@example.com")).key == "7"
        await came_in(example, http, "bob@example.com")
        assert (await http.get("/orders")).json() == []
        assert (await users.found(example.auth, "bob@example.com")).key == "8"


async def test_the_customer_moves_along_with_the_address(example: Any) -> None:
    async with opened(example) as http:
        await came_in(example, http, "ada@example.com")
        assert (await http.post("/auth/email/change", json={"email": "countess@example.com"})).status_code == 202
        [mail] = await mails_to(example.auth, "countess@example.com")
        assert (await http.post("/auth/email/confirm", json={"token": token_in(mail)})).status_code == 200
        await came_in(example, http, "ada@example.com")
        assert (await http.get("/orders")).json() == []


async def test_whoever_an_operator_made_is_no_customer(example: Any) -> None:
    async with opened(example) as http:
        user = await users.create(example.auth, "eve@example.com", verified=True)
        done = await sign_in(example.auth, user)
        assert done.tokens
        http.headers["Authorization"] = f"Bearer {done.tokens.access_token}"
        assert (await http.get("/orders")).json()["detail"] == "You are no customer yet."


def test_its_alembic_proposes_nothing(example: Any, config: Config) -> None:
    command.check(config)
    command.downgrade(config, "base")
    command.upgrade(config, "head")
