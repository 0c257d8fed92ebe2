"""An administrator whose deed waits for its user: what the route demands is asked again when the wait is over."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from fam_auth.features.password import Password
from fam_auth.features.role import Role, definitions, managers
from fam_auth.features.role.settings import ADMIN
from fam_auth.repository.data_access.managers import users
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


@pytest.mark.parametrize(
    ("is_revoked", "answer"), [(True, (403, "forbidden")), (False, (204, None))], ids=["revoked", "given another role"]
)
async def test_whoever_loses_the_permission_while_the_deed_waits_does_not_do_it(
    office: World, database: str, is_revoked: bool, answer: tuple[int, str | None]
) -> None:
    """Claims that were asked for anew count; that they had to be asked for is no refusal."""
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
