"""Attacks on the accounts of others, each by its number."""

import re
from collections.abc import Awaitable, Callable

import pytest

from fam_auth.core.security import new_secret
from tests.conftest import SECRETS, MakeAuth
from tests.support.people import PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
VICTIM, EVIL = "victim@example.com", "evil@example.com"


async def test_a004_registering_does_not_reveal_accounts(world: World, ada: Person) -> None:
    before = await ada.me()
    answers = [await (await world.person(email)).register(name="x") for email in (ada.email, "new@example.com")]
    assert {(one.status_code, one.json()["status"]) for one in answers} == {(202, "pending_verification")}
    assert len({len(one.text) for one in answers}) == 1
    [notice] = await world.mails(ada.email, "already_registered")
    assert not re.search(r"https?://|token|\d{6}", notice.text)
    assert (await ada.me()).json() == before.json()


NOT_ONE = [
    [VICTIM, EVIL],
    {"address": VICTIM},
    f"{VICTIM},{EVIL}",
    f"{VICTIM};{EVIL}",
    f"{VICTIM} {EVIL}",
    f"{VICTIM}%0acc:{EVIL}",
    f"{VICTIM}\ncc:{EVIL}",
    f"{VICTIM}\r\nBcc: {EVIL}",
    f'"{VICTIM},{EVIL}"@example.com\x00',
]


@pytest.mark.parametrize("path", ["/auth/password/forgot", "/auth/email/resend", "/auth/register"])
async def test_a007_a065_one_address_and_nothing_beside_it(world: World, path: str) -> None:
    for address in (VICTIM, EVIL):
        person = await world.person(address)
        await person.register()
        await person.verify()
    sent = len(await world.mails(EVIL)), len(await world.mails(VICTIM))
    more = {"password": PASSWORD} if path == "/auth/register" else {}
    stranger = await world.client()
    for email in NOT_ONE:
        assert (await stranger.post(path, json={"email": email, **more})).status_code == 422, email
    assert (len(await world.mails(EVIL)), len(await world.mails(VICTIM))) == sent


async def test_a029_what_a_lock_of_the_password_locks(open_world: OpenWorld) -> None:
    """Every sign-in method that checks the password waits; existing sessions stay, and a reset by mail still works."""
    world = await open_world(token_route=True, throttle={"network": "1000/5m"})
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.login()
    stranger = await world.client()
    wrong = {"email": ada.email, "password": "not it at all"}
    while (await stranger.post("/auth/login", json=wrong)).status_code != 429:
        pass
    right = {"email": ada.email, "password": ada.password}
    form = {"username": ada.email, "password": ada.password}
    assert (await stranger.post("/auth/login", json=right)).status_code == 429
    assert (await stranger.post("/auth/token", data=form)).status_code == 429
    assert (await ada.me()).status_code == 200
    assert (await ada.refresh()).status_code == 200
    await stranger.post("/auth/password/forgot", json={"email": ada.email})
    body = {"token": await ada.link_token(), "new_password": "eleven purple yaks"}
    assert (await stranger.post("/auth/password/reset", json=body)).status_code == 204
    ada.password = "eleven purple yaks"
    assert (await ada.login()).status_code == 200


async def test_a067_registering_the_address_of_another_gains_nothing(world: World) -> None:
    eve, victim = await world.person(VICTIM), await world.person(VICTIM)
    eve.password = "eve knows this one"
    await eve.register()
    await victim.http.post("/auth/password/forgot", json={"email": VICTIM})
    body = {"token": await victim.link_token(), "new_password": victim.password}
    assert (await victim.http.post("/auth/password/reset", json=body)).status_code == 204
    assert (await eve.login()).status_code == 401
    assert (await victim.login()).status_code == 200


async def test_a079_a_token_lives_as_long_as_its_secret_is_there(make_auth: MakeAuth, world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.login()
    newer = f"2:{new_secret()}"
    for secrets, status in ((f"{newer},{SECRETS}", 200), (newer, 401), (f"3:{new_secret()}", 401)):
        auth = make_auth(secrets=secrets)
        world.auth.keys = auth.keys
        world.auth.session_cache.forget(None)
        assert (await ada.me()).status_code == status
        await auth.close()
