"""The steps of a login are done in the order in which they are named: for every pair of steps, the later one waits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import combinations

import httpx2
import pytest
from sqlalchemy import select, update

from fam_auth import models
from fam_auth.features.otp import Otp, managers, queries
from fam_auth.features.otp.models import OtpDevice
from fam_auth.features.password import Password
from fam_auth.features.password import managers as passwords
from fam_auth.features.password.models import PasswordHash
from fam_auth.repository.data_access.managers import users
from fam_auth.values import User
from tests.conftest import OpenWorld
from tests.support.people import PASSWORD, Person, World

NEW = "eleven purple yaks"
Arranges = Callable[[World, User], Awaitable[object]]
Tries = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]


@dataclass(frozen=True)
class Step:
    """How an account gets a step, and how a test tries to take it; None: a mailed link alone takes it."""

    arrange: Arranges
    take: Tries | None


async def _marked(world: World, user: User) -> None:
    await world.auth.database.rows(
        update(models.User).where(models.User.id == user.id).values(demands=["change_password"])
    )


async def _with_a_device(world: World, user: User) -> None:
    begun = await managers.begin(world.auth, await users.get(world.auth, user.id), "Phone")
    await world.auth.database.rows(queries.confirm(begun.id, 0, world.auth.now()))


async def _as_it_is(world: World, user: User) -> None:
    """Every account here is unverified and has to have a factor."""


async def _change(http: httpx2.AsyncClient) -> httpx2.Response:
    return await http.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})


async def _enrol(http: httpx2.AsyncClient) -> httpx2.Response:
    return await http.post("/auth/otp/devices", json={"name": "Mine"})


STEPS = {
    "second_factor": Step(_with_a_device, None),
    "verify_email": Step(_as_it_is, None),
    "change_password": Step(_marked, _change),
    "enroll_second_factor": Step(_as_it_is, _enrol),
}
# Whoever has a device need not add one.
PAIRS = [pair for pair in combinations(STEPS, 2) if pair != ("second_factor", "enroll_second_factor")]


async def _at(world: World, user: User, pair: tuple[str, str]) -> httpx2.AsyncClient:
    """A client whose login waits for both steps of the pair, in that order."""
    for name in pair:
        await STEPS[name].arrange(world, user)
    begun = (await Person(world, user.email, await world.client()).login()).json()
    assert [step["step"] for step in begun["next"]][:2] == list(pair)
    return await world.client(Authorization=f"Login {begun['login_token']}")


@pytest.mark.parametrize("pair", PAIRS, ids=" before ".join)
async def test_the_later_of_two_steps_waits_for_the_earlier(open_world: OpenWorld, pair: tuple[str, str]) -> None:
    verifies = "verify_email" in pair
    enrols = "enroll_second_factor" in pair
    world = await open_world(features=[Password(), Otp(required=enrols)], email_verification=verifies)
    user = await passwords.create(world.auth, "ada@example.com", PASSWORD, None, verified=False)
    http, take = await _at(world, user, pair), STEPS[pair[1]].take
    before = await _kept(world)
    if take is not None:
        refused = await take(http)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert await _kept(world) == before
    standing = (await http.get("/auth/login")).json()
    assert [step["step"] for step in standing["next"]][:2] == list(pair)


async def _kept(world: World) -> list[object]:
    hashes = await world.auth.database.rows(select(PasswordHash.digest))
    return [*hashes, *await world.auth.database.rows(select(OtpDevice.id, OtpDevice.confirmed_at))]


async def test_a_password_that_is_marked_is_not_changed_before_the_second_factor(open_world: OpenWorld) -> None:
    """A thief would have set another one."""
    world = await open_world(features=[Password(), Otp()])
    user = await passwords.create(world.auth, "ada@example.com", PASSWORD, None, verified=True)
    http = await _at(world, user, ("second_factor", "change_password"))
    assert (await _change(http)).json()["code"] == "forbidden"
    assert (await http.get("/auth/login")).status_code == 200


@pytest.mark.parametrize("step", ["change_password", "enroll_second_factor"])
async def test_a_login_refuses_steps_that_it_does_not_require(open_world: OpenWorld, step: str) -> None:
    world = await open_world(features=[Password(), Otp()])
    await passwords.create(world.auth, "ada@example.com", PASSWORD, None, verified=False)
    begun = (await Person(world, "ada@example.com", await world.client()).login()).json()
    assert [one["step"] for one in begun["next"]] == ["verify_email"]
    take = STEPS[step].take
    assert take is not None
    for token in (begun["login_token"], "faml_unknown"):
        refused = await take(await world.client(Authorization=f"Login {token}"))
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_login_token")
