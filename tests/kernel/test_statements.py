"""How often a request goes to the database, counted at the wire: BEGIN and COMMIT are round trips too."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from fam_auth import Feature, install
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.repository.data_access.managers import invalidation
from tests.conftest import OpenWorld, new_auth
from tests.support.people import Clock, Mailbox, Person, World
from tests.support.wire import Wire, counting

OURS = ContextVar("OURS", default=False)
"""Whether a statement is one of the requests of the test."""


async def trips(wire: Wire, request: Callable[[], Awaitable[Any]], expected: int = 200) -> int:
    before = wire.round_trips
    answer = await request()
    assert answer.status_code == expected
    return wire.round_trips - before


@pytest.mark.parametrize(("features", "login"), [([Password()], 6), ([Password(), Otp(), Role()], 8)])
async def test_r006_round_trips_of_warm_requests(postgres_database: str, features: list[Feature], login: int) -> None:
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(counting(postgres_database))
        mailbox, clock, app = Mailbox(), Clock(), FastAPI()
        auth = new_auth(wire.url, clock, mailbox, features=features, trusted_proxies=("127.0.0.1",))
        install(app, auth)
        await auth.start()
        stack.push_async_callback(auth.close)
        world = World(app, auth, mailbox, clock, stack, httpx2.ASGITransport(app))
        # psycopg prepares a statement at its fifth use, with a round trip of its own: warm is after that.
        counts = dict[str, int]()
        for number in range(12):
            address = f"ada{number}@example.com"
            # The feed of changes is what a worker asks for once a second, whatever the requests.
            await invalidation.read(auth)
            person = await world.person(address)
            person.http.headers["X-Forwarded-For"] = f"192.0.2.{number}"
            registrations = {"register": await trips(wire, person.register, 202)}
            await world.mails(address)
            registrations["register what nobody verified"] = await trips(wire, person.register, 202)
            await person.verify()
            now = registrations | {
                "register what is known": await trips(wire, person.register, 202),
                "login": await trips(wire, person.login),
                "refresh": await trips(wire, person.refresh),
                "me at first sight": await trips(wire, person.me),
                "me": await trips(wire, person.me),
                "wrong password": await trips(wire, Person(world, address, person.http, "not it at all").login, 401),
                "nobody": await trips(wire, (await _nobody(world, address)).login, 401),
            }
            counts = {name: min(found, counts.get(name, found)) for name, found in now.items()}
        assert counts["register"] <= 8
        assert counts["login"] <= 8
        assert counts["refresh"] <= 4
        assert counts["me"] == 0
        # An unknown address costs what a known one costs (S-019).
        assert counts["wrong password"] == counts["nobody"]
        assert counts["register what nobody verified"] == counts["register what is known"] == counts["register"]
        assert (counts["register"], counts["login"], counts["refresh"], counts["me"]) == (6, login, 1, 0)


async def _nobody(world: World, address: str) -> Person:
    number = address.partition("@")[0].removeprefix("ada")
    return Person(world, f"not.{address}", await world.client(**{"X-Forwarded-For": f"198.51.100.{number}"}))


async def test_warm_sign_ins_sign_outs_and_refreshes_build_no_statement(open_world: OpenWorld) -> None:
    """Building would cost more than the database does. This user has as many sessions as allowed."""
    world = await open_world(sessions_per_account=1)
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    first, again = list[object](), list[object]()
    OURS.set(True)
    for run in (first, again):

        def note(_: object, statement: object, *__: object, run: list[object] = run) -> None:
            if OURS.get():  # and not the feed, which is read beside them
                run.append(statement)

        event.listen(world.auth.database.engine.sync_engine, "before_execute", note)
        await ada.login()
        await ada.login()
        await ada.refresh()
        await ada.http.post("/auth/logout")
        event.remove(world.auth.database.engine.sync_engine, "before_execute", note)
    assert len(first) >= 13
    assert [str(one)[:300] for one, other in zip(first, again, strict=True) if one is not other] == []
