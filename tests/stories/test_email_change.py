"""Moving to another address, and back when it was not oneself."""

import re
from typing import ClassVar

import pytest
from pydantic import PrivateAttr
from sqlalchemy import select

from fam_auth import Auth, Feature
from fam_auth.events import Event, UserDeleted
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password, changes
from fam_auth.models import Email, User
from fam_auth.repository.data_access.managers import users
from tests.conftest import OpenWorld
from tests.support.owners import enrolled, somebody
from tests.support.people import OPERATOR, PASSWORD, Person, World

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


async def test_the_new_address_confirms_and_the_old_one_is_notified(world: World, ada: Person) -> None:
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
    """A thief who knew the password moved the account to a mailbox of their own."""
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


async def test_the_undo_link_expires_after_three_days(world: World, ada: Person) -> None:
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


async def test_s103_one_session_causes_no_more_mails_than_the_account_limit(world: World, ada: Person) -> None:
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


async def test_the_user_who_verifies_an_address_first_keeps_it(world: World, ada: Person) -> None:
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


async def test_this_was_not_me_deletes_an_unverified_account(world: World) -> None:
    attacker = await world.person("ada@example.com")
    await attacker.register()
    assert await undo(attacker, await attacker.link_token()) == 200
    assert await world.auth.database.rows(select(User.id)) == []
    assert (await attacker.login(password=PASSWORD)).status_code == 401


async def moved(person: Person, email: str) -> str:
    """The account has this address; returns the token of the way back."""
    await ask(person, email)
    assert await confirm(person, await token_of(person.world, email, "confirm_email_change")) == 200
    way_back = await token_of(person.world, person.email, "undo_email_change")
    await person.world.later(minutes=2)
    person.email = email
    await person.login()
    return way_back


async def test_the_oldest_undo_link_ends_every_later_one(world: World, ada: Person) -> None:
    """A thief moves the account twice; the owner takes it back and sets a password, and the thief comes again."""
    owners = await moved(ada, "thief@one.example.com")
    thiefs = await moved(ada, "thief@two.example.com")
    owner = await world.person("ada@example.com")
    assert await undo(owner, owners) == 200
    await owner.http.post("/auth/password/forgot", json={"email": owner.email})
    body = {"token": await owner.link_token(), "new_password": "eleven purple yaks"}
    assert (await owner.http.post("/auth/password/reset", json=body)).status_code == 204
    assert await undo(ada, thiefs) == 400
    owner.password = "eleven purple yaks"
    assert (await owner.login()).json()["user"]["email"] == "ada@example.com"


async def test_the_oldest_undo_link_wins_after_a_later_one_was_used(world: World, ada: Person) -> None:
    owners = await moved(ada, "thief@one.example.com")
    thiefs = await moved(ada, "thief@two.example.com")
    assert await undo(ada, thiefs) == 200
    assert await undo(ada, owners) == 200
    assert (await users.found(world.auth, "ada@example.com")).email_verified


async def test_a_changed_address_ends_every_session_but_the_one_that_asked(world: World, ada: Person) -> None:
    other = Person(world, ada.email, await world.client())
    await other.login()
    await ask(ada)
    token = await token_of(world, NEW, "confirm_email_change")
    anywhere = await world.client()
    assert (await anywhere.post("/auth/email/confirm", json={"token": token})).status_code == 200
    assert (await ada.me()).status_code == 200
    assert (await other.me()).status_code == 401


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("end", ["sign out", "end others", "change of password", "reset", "suspension"])
async def test_a_change_of_address_is_void_once_its_session_or_credentials_change(
    world: World, ada: Person, end: str, *, answered: bool
) -> None:
    """Whether the request waits in the outbox still, or was answered by a mail already."""
    thief = Person(world, ada.email, await world.client())
    await thief.login()
    await ask(thief)
    if answered:
        await world.mails(NEW)
    await _end(world, ada, thief, end)
    found = await world.mails(NEW, "confirm_email_change")
    assert bool(found) == answered
    if found:
        assert await confirm(thief, await token_of(world, NEW, "confirm_email_change")) == 400
    assert (await users.found(world.auth, ada.email)).email == ada.email


async def _end(world: World, ada: Person, thief: Person, how: str) -> None:
    ada_id = (await users.found(world.auth, ada.email)).id
    match how:
        case "sign out":
            assert (await thief.http.post("/auth/logout")).status_code == 204
        case "end others":
            assert (await ada.http.delete("/auth/sessions")).status_code == 204
        case "change of password":
            body = {"current_password": PASSWORD, "new_password": "eleven purple yaks"}
            assert (await ada.http.post("/auth/password/change", json=body)).status_code == 204
        case "reset":
            link = await changes.link(world.auth, await users.get(world.auth, ada_id))
            reset = {"token": link.partition("#token=")[2], "new_password": "eleven purple yaks"}
            assert (await ada.http.post("/auth/password/reset", json=reset)).status_code == 204
        case _:
            await users.suspend(world.auth, ada_id, OPERATOR)
            await users.restore(world.auth, ada_id, OPERATOR)


async def test_a_pending_change_of_address_ends_when_its_session_changes_the_password(
    world: World, ada: Person
) -> None:
    """A thief who shares the owner's very session has asked before."""
    await ask(ada)
    body = {"current_password": PASSWORD, "new_password": "eleven purple yaks"}
    assert (await ada.http.post("/auth/password/change", json=body)).status_code == 204
    assert await world.mails(NEW, "confirm_email_change") == []


class Hearing(Feature):
    """Writes down who was deleted."""

    name: ClassVar[str] = "hearing"
    _deleted: list[object] = PrivateAttr(default_factory=list)

    async def heard(self, auth: Auth, db: object, event: Event, subject: object) -> None:
        if isinstance(event, UserDeleted):
            self._deleted.append(event.user_id)


async def test_an_unverified_holder_of_the_new_address_is_deleted_as_any_user_is(open_world: OpenWorld) -> None:
    """The features get the event, and cached sessions end: no one stays signed in as a deleted user."""
    hearing = Hearing()
    world = await open_world(features=[Password(), hearing], email_verification=False)
    ada, bob = await world.person("ada@example.com"), await world.person(NEW)
    for person in (ada, bob):
        person.use((await person.register()).json()["tokens"])
    bobs_id = (await bob.me()).json()["id"]
    await ask(ada)
    assert await confirm(ada, await token_of(world, NEW, "confirm_email_change")) == 200
    assert [str(one) for one in world.auth.of(Hearing)._deleted] == [bobs_id]  # noqa: SLF001 - its own
    assert (await bob.me()).status_code == 401


async def test_an_account_created_by_an_administrator_keeps_its_address(world: World, ada: Person) -> None:
    await changes.invite(world.auth, NEW, "Grace", OPERATOR)
    await ask(ada)
    assert await confirm(ada, await token_of(world, NEW, "confirm_email_change")) == 400
    assert (await users.found(world.auth, NEW)).name == "Grace"


async def test_undo_removes_a_factor_that_was_added_after_the_change(open_world: OpenWorld) -> None:
    """The thief locks the owner out by a factor of their own."""
    world = await open_world(features=[Password(), Otp()])
    thief = await somebody(world)
    owners = await moved(thief, "thief@one.example.com")
    assert (await thief.enrol()).status_code == 200
    owner = await world.person("ada@example.com")
    assert await undo(owner, owners) == 200
    await owner.http.post("/auth/password/forgot", json={"email": owner.email})
    body = {"token": await owner.link_token(), "new_password": "eleven purple yaks"}
    assert (await owner.http.post("/auth/password/reset", json=body)).status_code == 204
    owner.password = "eleven purple yaks"
    assert (await owner.login()).json()["status"] == "complete"


async def test_undo_keeps_a_factor_from_before_the_change(open_world: OpenWorld) -> None:
    """Access to the mailbox alone does not bypass it."""
    world = await open_world(features=[Password(), Otp()])
    ada = await enrolled(world)
    await ask(ada)
    assert await undo(ada, await token_of(world, ada.email, "undo_email_change")) == 200
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    body = {"token": await ada.link_token(), "new_password": "eleven purple yaks"}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 204
    ada.password = "eleven purple yaks"
    assert (await ada.second(await ada.first(), ada.code())).json()["status"] == "complete"
