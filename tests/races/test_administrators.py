"""Two concurrent administrators: one stops right before its commit while the other waits for its lock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from fam_auth import Auth
from fam_auth.events import Event
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, definitions, managers
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.settings import ADMIN
from fam_auth.repository.data_access.managers import users
from fam_auth.values import Actor, Client
from tests.conftest import new_auth
from tests.races.test_races import ROUNDS
from tests.races.test_role import ended
from tests.support.people import OPERATOR, Clock, Mailbox

WAITS = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
Leaving = Callable[[Auth, UUID], Awaitable[object]]
# Every way by which an administrator is one no more.
LEAVES: dict[str, Leaving] = {
    "suspended": lambda auth, user_id: users.suspend(auth, user_id, OPERATOR),
    "deleted": lambda auth, user_id: users.remove(auth, user_id, OPERATOR),
    "deletes themselves": lambda auth, user_id: users.remove(auth, user_id, Actor(Client(), user_id)),
    "revoked": lambda auth, user_id: managers.revoke(auth, user_id, ADMIN, OPERATOR),
    "ends tomorrow": lambda auth, user_id: managers.grant(
        auth, user_id, ADMIN, OPERATOR, expires_at=datetime(2040, 1, 1, tzinfo=UTC)
    ),
}


class Pair:
    """Two processes on one database. What the first does stops right before its commit until the second waits."""

    def __init__(self, first: Auth, second: Auth) -> None:
        self.first, self.second = first, second
        self.is_gated = False
        self.arrived, self.opened = asyncio.Event(), asyncio.Event()
        first.on(Event)(self._stop)

    async def _stop(self, event: Event, db: object) -> None:
        del event, db
        if self.is_gated:
            self.arrived.set()
            await self.opened.wait()

    async def crosswise(
        self, first: Awaitable[object], second: Awaitable[object], meanwhile: Awaitable[object] | None = None
    ) -> tuple[str, str]:
        """How both went; the first commits while the second waits for it, after what happens `meanwhile`."""
        self.is_gated = True
        self.arrived.clear()
        self.opened.clear()
        earlier = asyncio.create_task(ended(first))
        await asyncio.wait_for(self.arrived.wait(), 2)
        later = asyncio.create_task(ended(second))
        # Less than it may wait for a lock. What does not wait is done by then.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_it_waits(later), 0.5)
        if meanwhile is not None:
            await meanwhile
        self.opened.set()
        results = await earlier, await later
        self.is_gated = False
        return results

    async def _until_it_waits(self, later: "asyncio.Task[str]") -> None:
        while not later.done() and not await self.first.database.rows(WAITS):  # noqa: ASYNC110 - the server knows it
            await asyncio.sleep(0.01)


@pytest.fixture
async def pair(postgres_database: str) -> AsyncIterator[Pair]:
    feature = Role(permissions=[Permission("posts:publish")])
    features = [Password(), Otp(required_roles=("guarded",)), feature]
    auths = [new_auth(postgres_database, Clock(), Mailbox(), features=features) for _ in range(2)]
    await definitions.ensure_admin(auths[0])
    yield Pair(auths[0], auths[1])
    for auth in auths:
        await auth.close()


async def person(auth: Auth, *roles: str) -> UUID:
    """A user with these roles."""
    user = await users.create(auth, f"{uuid4().hex}@example.com", verified=True)
    for name in roles:
        await managers.grant(auth, user.id, name, OPERATOR)
    return user.id


async def administrators(auth: Auth) -> list[UUID]:
    """The permanent administrators who can sign in."""
    found = [row.user_id for row in await managers.who(auth, ADMIN) if row.expires_at is None]
    return [user_id for user_id in found if not (await users.get(auth, user_id)).is_suspended(auth.now())]


@pytest.mark.parametrize("later", LEAVES)
@pytest.mark.parametrize("earlier", LEAVES)
async def test_of_two_administrators_who_leave_at_once_one_stays(pair: Pair, earlier: str, later: str) -> None:
    one = await person(pair.second, ADMIN)
    for _ in range(ROUNDS):
        other = await person(pair.second, ADMIN)
        how = await pair.crosswise(LEAVES[earlier](pair.first, one), LEAVES[later](pair.second, other))
        assert how == ("done", "forbidden")
        assert await administrators(pair.second) == [other]
        one = other


async def test_of_two_administrators_who_suspend_each_other_one_stays(pair: Pair) -> None:
    one = await person(pair.second, ADMIN)
    for _ in range(ROUNDS):
        other = await person(pair.second, ADMIN)
        by_other, by_one = Actor(Client(), other), Actor(Client(), one)
        suspending = users.suspend(pair.first, one, by_other), users.suspend(pair.second, other, by_one)
        assert await pair.crosswise(*suspending) == ("done", "forbidden")
        assert await administrators(pair.second) == [other]
        one = other


async def test_a_user_who_becomes_an_administrator_while_leaving_is_counted(pair: Pair) -> None:
    """They were checked before they became one: the removal starts again, and locks the role first."""
    await person(pair.second, ADMIN)
    for _ in range(ROUNDS):
        bob = await person(pair.second)
        granted = managers.grant(pair.first, bob, ADMIN, OPERATOR)
        assert await pair.crosswise(granted, users.remove(pair.second, bob, OPERATOR)) == ("done", "done")
        assert len(await administrators(pair.second)) == 1


def described(text: str) -> Callable[[Definition], Definition]:
    """The same role with another description."""
    return lambda role: replace(role, description=text)


@pytest.mark.parametrize("leaves", ["suspended", "deleted", "revoked"])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_role_that_changes_and_an_administrator_who_leaves_wait_for_each_other(
    pair: Pair, leaves: str, is_first: bool
) -> None:
    await person(pair.second, ADMIN)
    for number in range(ROUNDS):
        bob, told = await person(pair.second, ADMIN), f"Number {number}"
        left, right = (pair.first, pair.second) if is_first else (pair.second, pair.first)
        going = LEAVES[leaves](left, bob)
        changing = definitions.change(right, ADMIN, described(told), OPERATOR)
        order = (going, changing) if is_first else (changing, going)
        assert await pair.crosswise(*order) == ("done", "done")
        assert (await definitions.get(pair.second, ADMIN)).description == told


async def clerk(auth: Auth) -> Actor:
    """A user who manages users and has no other permission."""
    if "clerk" not in await definitions.every(auth):
        await definitions.create(auth, Definition("clerk", frozenset({"users:manage"})), OPERATOR)
    return Actor(Client(), await person(auth, "clerk"))


async def test_a_user_promoted_while_a_suspension_waits_cannot_be_suspended(pair: Pair) -> None:
    await definitions.create(pair.second, Definition("editor", frozenset({"posts:publish"})), OPERATOR)
    eve = await clerk(pair.second)
    for _ in range(ROUNDS):
        bob = await person(pair.second)
        rising = managers.grant(pair.first, bob, "editor", OPERATOR)
        assert await pair.crosswise(rising, users.suspend(pair.second, bob, eve)) == ("done", "forbidden")
        assert not (await users.get(pair.second, bob)).is_suspended(pair.second.now())


def grown(role: Definition) -> Definition:
    """The same role with one permission more."""
    return replace(role, permissions=role.permissions | {"posts:publish"})


async def test_a_user_whose_role_grows_while_a_suspension_waits_cannot_be_suspended(pair: Pair) -> None:
    eve = await clerk(pair.second)
    for _ in range(ROUNDS):
        name = f"r{uuid4().hex[:8]}"
        await definitions.create(pair.second, Definition(name, frozenset({"users:manage"})), OPERATOR)
        bob = await person(pair.second, name)
        growing = definitions.change(pair.first, name, grown, OPERATOR)
        assert await pair.crosswise(growing, users.suspend(pair.second, bob, eve)) == ("done", "forbidden")


async def test_rights_that_the_actor_loses_while_waiting_do_not_count(pair: Pair) -> None:
    await definitions.create(pair.second, Definition("editor", frozenset({"posts:publish"})), OPERATOR)
    for _ in range(ROUNDS):
        eve, bob = await clerk(pair.second), await person(pair.second, "editor")
        assert eve.user_id is not None
        await managers.grant(pair.second, eve.user_id, "editor", OPERATOR)
        renaming = users.rename(pair.first, bob, {"name": "Bob"}, OPERATOR)
        losing = managers.revoke(pair.second, eve.user_id, "editor", OPERATOR)
        how = await pair.crosswise(renaming, users.suspend(pair.second, bob, eve), losing)
        assert how == ("done", "forbidden")
