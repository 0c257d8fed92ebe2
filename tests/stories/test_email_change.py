"""Moving to another address, and back when it was not oneself."""

import re

from sqlalchemy import select

from fam_auth.models import Email, User
from tests.support.people import PASSWORD, Person, World

NEW = "ada@new.example.com"


async def ask(person: Person, email: str = NEW) -> None:
    answer = await person.http.post("/auth/email/change", json={"email": email})
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})


async def token_of(world: World, recipient: str, kind: str) -> str:
    mail = (await world.mails(recipient, kind))[-1]
    found = re.search(r"#token=(\S+)$", mail.text, re.MULTILINE)
    assert found
    return found.group(1)


async def confirm(person: Person, token: str) -> int:
    return (await person.http.post("/auth/email/confirm", json={"token": token})).status_code


async def undo(person: Person, token: str) -> int:
    return (await person.http.post("/auth/email/undo", json={"token": token})).status_code


async def test_the_new_address_confirms_and_the_old_one_hears_of_it(world: World, ada: Person) -> None:
    await ask(ada)
    assert (await ada.me()).json()["email"] == "ada@example.com"
    token = await token_of(world, NEW, "confirm_email_change")
    answer = await ada.http.post("/auth/email/confirm", json={"token": token})
    assert (answer.status_code, answer.json()["email"], answer.json()["email_verified"]) == (200, NEW, True)
    assert await confirm(ada, token) == 400
    assert len(await world.mails("ada@example.com", "email_changed")) == 1
    assert len(await world.mails(NEW, "email_changed")) == 1
    moved = Person(world, NEW, await world.client())
    assert (await moved.login()).status_code == 200
    assert (await Person(world, "ada@example.com", await world.client()).login()).status_code == 401


async def test_a010_a_reset_link_to_the_old_address_is_dead(world: World, ada: Person) -> None:
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    reset = await token_of(world, ada.email, "reset_password")
    await ask(ada)
    assert await confirm(ada, await token_of(world, NEW, "confirm_email_change")) == 200
    body = {"token": reset, "new_password": "eleven purple yaks"}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 400


async def test_undo_brings_the_address_back_and_voids_the_password(world: World, ada: Person) -> None:
    """Somebody who knew the password moved the account to a mailbox of their own."""
    await ask(ada)
    assert await confirm(ada, await token_of(world, NEW, "confirm_email_change")) == 200
    way_back = await token_of(world, "ada@example.com", "undo_email_change")
    assert await undo(ada, way_back) == 200
    assert await undo(ada, way_back) == 400
    assert (await ada.me()).status_code == 401
    assert len(await world.mails("ada@example.com", "email_change_undone")) == 1
    assert len(await world.mails(NEW, "email_changed")) == 2
    for address in (NEW, "ada@example.com"):
        assert (await Person(world, address, await world.client()).login()).status_code == 401
    owner = await world.person("ada@example.com")
    await owner.http.post("/auth/password/forgot", json={"email": owner.email})
    body = {"token": await owner.link_token(), "new_password": "eleven purple yaks"}
    assert (await owner.http.post("/auth/password/reset", json=body)).status_code == 204
    owner.password = "eleven purple yaks"
    assert (await owner.login()).json()["user"]["email"] == "ada@example.com"


async def test_undo_before_it_is_confirmed_keeps_the_address(world: World, ada: Person) -> None:
    await ask(ada)
    pending = await token_of(world, NEW, "confirm_email_change")
    assert await undo(ada, await token_of(world, ada.email, "undo_email_change")) == 200
    assert await confirm(ada, pending) == 400
    rows = await world.auth.database.rows(select(Email.address))
    assert [row.address for row in rows] == ["ada@example.com"]


async def test_the_way_back_ends_after_three_days(world: World, ada: Person) -> None:
    await ask(ada)
    way_back = await token_of(world, ada.email, "undo_email_change")
    world.clock.travel(hours=73)
    assert await undo(ada, way_back) == 400


async def test_a_newer_request_replaces_the_older(world: World, ada: Person) -> None:
    await ask(ada)
    first = await token_of(world, NEW, "confirm_email_change")
    await ask(ada, "ada@other.example.com")
    await world.mails(NEW)
    assert await confirm(ada, first) == 400


async def test_s103_a_session_mails_no_more_than_an_account_may(world: World, ada: Person) -> None:
    for number in range(5):
        await ask(ada, f"stranger{number}@example.com")
    refused = await ada.http.post("/auth/email/change", json={"email": "stranger5@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert len(await world.mails(ada.email, "undo_email_change")) == 5
    assert not await world.mails("stranger5@example.com")


async def test_s019_whose_address_it_is_is_not_told(world: World, ada: Person) -> None:
    bob = await world.person("bob@example.com")
    await bob.register()
    await bob.verify()
    await ask(ada, bob.email)
    assert len(await world.mails(ada.email, "undo_email_change")) == 1
    assert len(await world.mails(bob.email, "address_taken")) == 1
    assert not await world.mails(bob.email, "confirm_email_change")
    before = len(await world.mails(ada.email))
    await ask(ada, ada.email)
    assert len(await world.mails(ada.email)) == before


async def test_s128_an_account_that_only_claims_an_address_gives_way(world: World, ada: Person) -> None:
    squatter = await world.person(NEW)
    await squatter.register()
    await ask(ada)
    assert await confirm(ada, await token_of(world, NEW, "confirm_email_change")) == 200
    assert len(await world.auth.database.rows(select(User.id))) == 1


async def test_whoever_proves_an_address_first_keeps_it(world: World, ada: Person) -> None:
    await ask(ada)
    token = await token_of(world, NEW, "confirm_email_change")
    bob = await world.person(NEW)
    await bob.register()
    await bob.verify()
    assert await confirm(ada, token) == 400
    assert (await bob.login()).json()["user"]["email"] == NEW


async def test_a026_a_stale_session_changes_no_address(world: World, ada: Person) -> None:
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    answer = await ada.http.post("/auth/email/change", json={"email": NEW})
    assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")


async def test_this_was_not_me_deletes_an_account_that_nobody_verified(world: World) -> None:
    attacker = await world.person("ada@example.com")
    await attacker.register()
    assert await undo(attacker, await attacker.link_token()) == 200
    assert await world.auth.database.rows(select(User.id)) == []
    assert (await attacker.login(password=PASSWORD)).status_code == 401
