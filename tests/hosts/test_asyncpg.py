"""The other driver for PostgreSQL: the whole of an account, a second factor, a role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from fam_auth import install
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, managers
from fam_auth.install import running
from fam_auth.repository.data_access.managers import purge, users
from tests.conftest import new_auth
from tests.support.owners import enrolled
from tests.support.people import OPERATOR, Clock, Mailbox, World


@pytest.fixture
async def world(postgres_database: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        url = postgres_database.replace("+psycopg", "+asyncpg")
        app, mailbox, clock = FastAPI(), Mailbox(), Clock()
        features: list[Any] = [Password(), Otp(), Role()]
        auth = new_auth(url, clock, mailbox, features=features)
        install(app, auth)
        await stack.enter_async_context(running(auth, worker=False))
        yield World(app, auth, mailbox, clock, stack, httpx2.ASGITransport(app))


async def test_from_registration_to_deletion(world: World) -> None:
    ada = await enrolled(world)
    user = await users.found(world.auth, ada.email)
    await managers.grant(world.auth, user.id, "admin", OPERATOR)
    assert (await ada.http.get("/auth/users")).json()["items"][0]["email"] == ada.email
    ada.use((await ada.refresh()).json())
    assert (await ada.http.patch("/auth/me", json={"name": "Augusta"})).json()["name"] == "Augusta"
    assert (await ada.http.post("/auth/otp/recovery-codes")).status_code == 200
    bob = await world.person("bob@example.com")
    await bob.register()
    await bob.verify()
    assert (await bob.login()).json()["status"] == "complete"
    place = f"/auth/users/{(await bob.me()).json()['id']}"
    assert (await ada.http.put(f"{place}/roles/admin", params={"scope": "x:1"})).status_code == 200
    assert (await ada.http.post(f"{place}/suspend", json={"reason": "unpaid"})).status_code == 204
    assert (await bob.me()).status_code == 401
    assert (await ada.http.delete(place)).status_code == 204
    assert {event["kind"] for event in (await ada.http.get("/auth/events/all")).json()["items"]} >= {"user.deleted"}
    assert (await purge.purge(world.auth))["users"] == 0
    assert (await ada.http.post("/auth/logout")).status_code == 204
