"""An administrator's action that waits for its user: the demands of the route are checked again after the wait."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import select

from fam_auth.auth import Auth
from fam_auth.exceptions import NotFound, Unauthenticated
from fam_auth.features.password import Password
from fam_auth.features.role import Role, definitions, managers
from fam_auth.features.role.settings import ADMIN
from fam_auth.models import User
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.repository.data_access.queries import sessions as queries
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Actor, Client
from tests.races.test_counters import until_it_waits
from tests.support.people import OPERATOR, Person, World

OpenWorld = Callable[..., Awaitable[World]]
HOLD = "SELECT 1 FROM auth_user WHERE id = %s FOR UPDATE"


@pytest.fixture
def database(postgres_database: str) -> str:
    return postgres_database


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    world = await open_world(features=[Password(), Role()], email_verification=False)
    await definitions.sync(world.auth)
    await administrator(world, "grace@example.com")
    return world


async def administrator(world: World, email: str) -> Person:
    person = await world.person(email)
    person.use((await person.register()).json()["tokens"])
    await managers.grant(world.auth, (await users.found(world.auth, email)).id, ADMIN, OPERATOR)
    assert (await person.me()).status_code == 200
    return person


TAKE = """WITH made AS (
    INSERT INTO auth_user (id, created_at, demands) VALUES (gen_random_uuid(), now(), '[]') RETURNING id
) INSERT INTO auth_email (id, user_id, address, canonical, created_at)
SELECT gen_random_uuid(), id, 'mole@example.com', 'mole@example.com', now() FROM made"""


@pytest.mark.parametrize(
    ("lose", "answer"),
    [
        (lambda auth, own: managers.revoke(auth, own, ADMIN, OPERATOR), (403, "forbidden")),
        (lambda auth, own: users.sign_out(auth, own, OPERATOR), (401, "unauthenticated")),
        (lambda auth, own: users.suspend(auth, own, OPERATOR), (401, "unauthenticated")),
        (lambda auth, own: users.remove(auth, own, OPERATOR), (401, "unauthenticated")),
    ],
    ids=["revoked", "signed out", "suspended", "deleted"],
)
async def test_a_former_administrator_cannot_invite(
    office: World, database: str, lose: Callable[[Auth, UUID], Awaitable[object]], answer: tuple[int, str]
) -> None:
    """The invitation waits for its address, which another transaction has claimed and then rolls back."""
    eve = await administrator(office, "eve@example.com")
    own = (await users.found(office.auth, eve.email)).id
    plain = database.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(plain, options="-c search_path=fam_auth") as holding:
        await holding.execute(TAKE)
        inviting = asyncio.create_task(eve.http.post("/auth/users/invite", json={"email": "mole@example.com"}))
        await until_it_waits(plain)
        await lose(office.auth, own)
        await holding.rollback()
    told = await inviting
    assert (told.status_code, told.json()["code"]) == answer
    with pytest.raises(NotFound):
        await users.found(office.auth, "mole@example.com")


async def test_an_actor_who_is_deleted_between_two_checks_is_signed_out(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = await administrator(office, "eve@example.com")
    own = await users.found(office.auth, eve.email)
    session = (await sessions.listed(office.auth, own.id, None, 1)).items[0]
    await office.auth.database.rows(queries.outdate(select(User.id).where(User.id == own.id), office.clock()))
    looked_up = user_queries.by_id
    monkeypatch.setattr(user_queries, "by_id", lambda _: looked_up(uuid4()))
    async with office.auth.transaction() as db:
        with pytest.raises(Unauthenticated):
            await sessions.check_actor(office.auth, db, Actor(Client(), own.id, session.id, lambda _: None))


@pytest.mark.parametrize(
    ("is_revoked", "answer"), [(True, (403, "forbidden")), (False, (204, None))], ids=["revoked", "given another role"]
)
async def test_an_actor_who_loses_the_permission_while_waiting_is_refused(
    office: World, database: str, is_revoked: bool, answer: tuple[int, str | None]
) -> None:
    """Recomputed claims count; that they were outdated is no reason to refuse."""
    eve = await administrator(office, "eve@example.com")
    own = (await users.found(office.auth, eve.email)).id
    victim = await users.create(office.auth, "bob@example.com", verified=True)
    plain = database.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(plain, options="-c search_path=fam_auth") as holding:
        await holding.execute(HOLD, (victim.id,))
        deed = asyncio.create_task(eve.http.delete(f"/auth/users/{victim.id}"))
        await until_it_waits(plain)
        if is_revoked:
            await managers.revoke(office.auth, own, ADMIN, OPERATOR)
        else:
            await managers.grant(office.auth, own, ADMIN, OPERATOR, scope="project:1")
        await holding.rollback()
    told = await deed
    assert (told.status_code, told.json()["code"] if told.content else None) == answer
