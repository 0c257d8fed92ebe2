"""Several people register one address: the owner of the mailbox decides, and others gain and lose nothing."""

import re
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from fam_auth.features.password import Password, changes, managers
from fam_auth.features.password.models import PasswordHash, RegisteredPassword
from fam_auth.features.role import Role, definitions
from fam_auth.features.role import managers as roles
from fam_auth.models import Registration, Session
from fam_auth.repository.data_access.managers import users
from fam_auth.repository.data_access.managers.purge import purge
from fam_auth.repository.data_access.queries import users as queries
from tests.conftest import OpenWorld
from tests.support.people import OPERATOR, PASSWORD, Person, World

ADDRESS = "ada@example.com"
STRANGERS = "eighteen purple camels"


@pytest.fixture
async def ada(world: World) -> Person:
    """The owner of the mailbox, who has not registered yet."""
    return await world.person(ADDRESS)


@pytest.fixture
async def eve(world: World) -> Person:
    """A stranger who registers the same address."""
    stranger = await world.person(ADDRESS)
    stranger.password = STRANGERS
    return stranger


async def verify(person: Person, **body: Any) -> tuple[int, str]:
    answer = await person.http.post("/auth/email/verify", json=body)
    return answer.status_code, answer.json().get("code", answer.json()["status"])


async def waiting(world: World) -> int:
    return len(await world.auth.database.rows(select(Registration.id)))


async def disown_token(world: World) -> str:
    """The token of "this was not me" in the newest mail."""
    found = re.findall(r"undo-email-change#token=(\S+)$", (await world.mails(ADDRESS))[-1].text, re.MULTILINE)
    return str(found[-1])


async def test_a_link_alone_activates_no_password(world: World, ada: Person, eve: Person) -> None:
    await ada.register()
    mine = await ada.link_token()
    await eve.register()
    newest = await ada.link_token()
    assert newest != mine
    for token in (mine, newest):
        assert await verify(ada, token=token) == (403, "password_required")
        assert await verify(ada, token=token, registration_token="famg_made_up") == (403, "password_required")
    assert not (await users.found(world.auth, ADDRESS)).email_verified
    assert (await ada.login()).json()["next"] == [{"step": "verify_email"}]
    assert (await eve.login()).status_code == 401


async def test_who_registers_after_the_owner_gains_nothing(world: World, ada: Person, eve: Person) -> None:
    await ada.register(name="Ada")
    await world.mails(ADDRESS)
    await eve.register(name="Eve")
    assert (await ada.verify()).json() == {"status": "verified"}
    assert (await ada.login()).json()["user"]["name"] == "Ada"
    assert (await eve.login()).json()["code"] == "invalid_credentials"
    assert await waiting(world) == 0


async def test_who_registers_before_the_owner_gains_nothing(world: World, ada: Person, eve: Person) -> None:
    await eve.register(name="Eve")
    under_way = {"Authorization": f"Login {(await eve.login()).json()['login_token']}"}
    await ada.register(name="Ada")
    assert (await ada.verify()).json() == {"status": "verified"}
    assert (await ada.login()).json()["user"]["name"] == "Ada"
    assert (await eve.login()).json()["code"] == "invalid_credentials"
    assert (await eve.http.get("/auth/login", headers=under_way)).json()["code"] == "no_login"
    assert await world.auth.database.rows(select(RegisteredPassword.digest)) == []


async def test_the_token_of_the_registration_decides_and_not_the_link(world: World, ada: Person, eve: Person) -> None:
    await ada.register()
    await eve.register()
    await world.later(minutes=2)
    await ada.http.post("/auth/email/resend", json={"email": ADDRESS})
    resent = await ada.link_token()
    assert await verify(ada, token=resent, registration_token=ada.registration) == (200, "verified")
    assert (await ada.login()).json()["status"] == "complete"
    assert await verify(eve, token=resent, registration_token=eve.registration) == (400, "invalid_token")


@pytest.mark.parametrize("is_first", [True, False])
async def test_the_password_identifies_the_registration(world: World, ada: Person, eve: Person, is_first: bool) -> None:
    for person in (ada, eve) if is_first else (eve, ada):
        await person.register()
    elsewhere = Person(world, ADDRESS, await world.client())
    token = await ada.link_token()
    assert await verify(elsewhere, token=token, password="not it at all") == (401, "invalid_credentials")
    assert await verify(elsewhere, token=token, password=PASSWORD) == (200, "verified")
    assert (await elsewhere.login()).json()["status"] == "complete"
    assert (await eve.login()).json()["code"] == "invalid_credentials"


async def test_the_code_of_each_registration_works(world: World, ada: Person, eve: Person) -> None:
    await ada.register()
    mine = await ada.code()
    await eve.register()
    assert await verify(ada, email=ADDRESS, code=mine) == (403, "password_required")
    assert await verify(ada, email=ADDRESS, code=mine, password=PASSWORD) == (200, "verified")


async def test_passwords_of_registrations_are_not_tried_without_end(world: World, ada: Person) -> None:
    await ada.register()
    token = await ada.link_token()
    codes = [(await verify(ada, token=token, password=f"guess {number}"))[1] for number in range(12)]
    assert codes == ["invalid_credentials"] * 10 + ["too_many_attempts"] * 2


async def test_a_login_under_way_identifies_the_registration(world: World, ada: Person, eve: Person) -> None:
    await ada.register()
    await eve.register()
    headers = {"Authorization": f"Login {(await ada.login()).json()['login_token']}"}
    body = {"token": await ada.link_token()}
    complete = await ada.http.post("/auth/email/verify", json=body, headers=headers)
    assert complete.json()["status"] == "complete"


async def test_the_cookie_identifies_the_registration(world: World, ada: Person, eve: Person) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    body = {"email": ADDRESS, "password": PASSWORD, "transport": "cookie"}
    answer = await ada.http.post("/auth/register", json=body, headers=own)
    assert answer.json() == {"status": "pending_verification", "registration_token": None}
    assert "fam_registration=famg_" in answer.headers["set-cookie"]
    await eve.register()
    assert await verify(eve, token=await ada.link_token()) == (403, "password_required")
    assert await verify(ada, token=await ada.link_token()) == (200, "verified")
    assert not [name for name in ada.http.cookies if "fam_registration" in name]


async def test_disowning_a_registration_keeps_the_owners_own(world: World, ada: Person, eve: Person) -> None:
    await ada.register()
    await world.mails(ADDRESS)
    await eve.register()
    body = {"token": await disown_token(world)}
    assert (await ada.http.post("/auth/email/undo", json=body)).status_code == 200
    assert await waiting(world) == 1
    assert (await ada.login()).json()["next"] == [{"step": "verify_email"}]
    mine = (await world.mails(ADDRESS, "verify_email"))[0]
    token = re.search(r"verify-email#token=(\S+)$", mine.text, re.MULTILINE)
    assert token
    assert await verify(ada, token=token[1], registration_token=ada.registration) == (200, "verified")


async def test_disowning_the_first_registration_removes_its_password(world: World, ada: Person, eve: Person) -> None:
    await eve.register()
    strangers = {"token": await disown_token(world)}
    under_way = {"Authorization": f"Login {(await eve.login()).json()['login_token']}"}
    await ada.register()
    assert (await ada.http.post("/auth/email/undo", json=strangers)).status_code == 200
    assert await world.auth.database.rows(select(PasswordHash.digest)) == []
    assert (await eve.http.get("/auth/login", headers=under_way)).status_code == 404
    assert (await eve.login()).status_code == 401
    assert (await ada.verify()).status_code == 200
    assert (await ada.login()).json()["status"] == "complete"


async def test_a_reset_by_the_owner_of_the_mailbox_removes_every_registration(
    world: World, ada: Person, eve: Person
) -> None:
    await eve.register()
    pending = await eve.link_token()
    await ada.http.post("/auth/password/forgot", json={"email": ADDRESS})
    reset = {"token": await ada.link_token(), "new_password": PASSWORD}
    assert (await ada.http.post("/auth/password/reset", json=reset)).status_code == 204
    assert await waiting(world) == 0
    assert await verify(eve, token=pending, registration_token=eve.registration) == (400, "invalid_token")
    assert (await ada.login()).json()["status"] == "complete"


async def test_registering_an_invited_address_changes_nothing(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Role(roles={"editor": []})])
    ada, eve = await world.person(ADDRESS), await world.person(ADDRESS)
    await definitions.sync(world.auth)
    invited = await changes.invite(world.auth, ADDRESS, "Ada", OPERATOR)
    await roles.grant(world.auth, invited.id, "editor", OPERATOR)
    invitation = await ada.link_token()
    for _ in range(6):
        assert (await eve.register()).status_code == 202
    assert {mail.kind for mail in await world.mails(ADDRESS)} == {"invitation", "already_registered"}
    assert await waiting(world) == 0
    assert (await eve.login()).status_code == 401
    accepted = {"token": invitation, "new_password": PASSWORD}
    assert (await ada.http.post("/auth/password/reset", json=accepted)).status_code == 204
    assert (await ada.login()).json()["session"]["claims"]["roles"] == ["editor"]


async def test_registering_the_address_of_a_created_account_changes_nothing(world: World) -> None:
    """As after an import: a password that works, and an address that is not verified yet."""
    ada, eve = await world.person(ADDRESS), await world.person(ADDRESS)
    await managers.create(world.auth, ADDRESS, PASSWORD, "Ada", verified=False)
    eve.password = STRANGERS
    for _ in range(6):
        await eve.register()
    assert (await eve.login()).status_code == 401
    assert (await ada.login()).json()["next"] == [{"step": "verify_email"}]
    await world.later(hours=25)
    await ada.http.post("/auth/email/resend", json={"email": ADDRESS})
    # Nobody registered it, so there is no registration to show.
    assert await verify(ada, token=await ada.link_token()) == (200, "verified")
    assert (await ada.login()).json()["user"]["name"] == "Ada"


async def test_registering_over_an_account_that_was_signed_in_to_changes_nothing(world: World) -> None:
    """Addresses needed no verification when it was made."""
    ada, eve = await world.person(ADDRESS), await world.person(ADDRESS)
    await ada.register()
    ada_id = (await users.found(world.auth, ADDRESS)).id
    await world.auth.database.rows(_a_session_of(world, ada_id))
    eve.password = STRANGERS
    await world.mails(ADDRESS)
    await eve.register()
    assert (await world.mails(ADDRESS))[-1].kind == "already_registered"
    assert await waiting(world) == 1


def _a_session_of(world: World, user_id: Any) -> Any:
    now = world.auth.now()
    moments = {"created_at": now, "seen_at": now, "refreshed_at": now, "expires_at": now, "ended_at": now}
    plain = {"transport": "bearer", "proofs": [], "claims": {}, "generation": 1, "refreshes": 0}
    return insert(Session).values(id=world.auth.new_id(), user_id=user_id, **moments, **plain)


async def test_a_stranger_cannot_get_an_account_deleted(world: World, ada: Person, eve: Person) -> None:
    """They request a verification mail, and the owner says "this was not me"."""
    await managers.create(world.auth, ADDRESS, PASSWORD, "Ada", verified=False)
    await eve.http.post("/auth/email/resend", json={"email": ADDRESS})
    assert "undo-email-change" not in (await world.mails(ADDRESS))[-1].text
    body = {"token": await ada.link_token()}
    assert (await ada.http.post("/auth/email/undo", json=body)).json()["code"] == "invalid_token"
    assert (await users.found(world.auth, ADDRESS)).name == "Ada"


async def test_a_resent_mail_disowns_nothing(world: World, ada: Person) -> None:
    await ada.register()
    await world.later(minutes=2)
    await ada.http.post("/auth/email/resend", json={"email": ADDRESS})
    body = {"token": await ada.link_token()}
    assert (await ada.http.post("/auth/email/undo", json=body)).status_code == 400
    assert (await ada.verify()).status_code == 200


async def test_a_disowned_password_is_removed_although_its_hash_was_upgraded(
    world: World, ada: Person, eve: Person
) -> None:
    await eve.register()
    strangers = {"token": await disown_token(world)}
    await ada.register()
    await world.auth.database.rows(update(PasswordHash).values(digest="made anew"))
    assert (await ada.http.post("/auth/email/undo", json=strangers)).status_code == 200
    assert await world.auth.database.rows(select(PasswordHash.digest)) == []


async def test_an_account_is_not_purged_while_a_registration_is_new(world: World, ada: Person, eve: Person) -> None:
    await eve.register()
    await world.later(days=6, hours=23)
    await ada.register()
    await world.later(hours=2)
    assert (await purge(world.auth))["users"] == 0
    # Nor when the purge had found the account before that registration was there: it looks again behind its lock.
    found, end = await users.found(world.auth, ADDRESS), world.clock() - world.auth.settings.unverified_lifetime
    assert await world.auth.database.rows(queries.remove_unverified([found.id], end)) == []
    assert (await ada.verify()).status_code == 200


async def test_a_click_verifies_no_account_that_a_stranger_uses(open_world: OpenWorld) -> None:
    """Addresses need no verification, a stranger uses one, and its owner opens a mail that the stranger requested."""
    world = await open_world(email_verification=False)
    eve, ada = await world.person(ADDRESS), await world.person(ADDRESS)
    eve.use((await eve.register()).json()["tokens"])
    await eve.http.post("/auth/email/resend", json={"email": ADDRESS})
    token = await ada.link_token()
    assert await verify(ada, token=token) == (403, "password_required")
    assert await verify(eve, token=token) == (200, "verified")
