"""Changing a password, and getting a new one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from fam_auth.core.addresses import parse
from fam_auth.core.hashing import Hasher
from fam_auth.features.password import changes
from fam_auth.features.password.models import PasswordHash
from fam_auth.models import OneTimeToken, Session
from fam_auth.repository.data_access.managers import tokens, users
from fam_auth.repository.data_access.managers.tokens import Ticket
from fam_auth.repository.data_access.queries.sessions import is_live
from tests.support.people import OPERATOR, PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
NEW = "eleven purple yaks"


async def change(person: Person, current: str, new: str) -> int:
    body = {"current_password": current, "new_password": new}
    return (await person.http.post("/auth/password/change", json=body)).status_code


async def reset(person: Person, token: str, new: str = NEW) -> tuple[int, str | None]:
    answer = await person.http.post("/auth/password/reset", json={"token": token, "new_password": new})
    return answer.status_code, answer.json()["code"] if answer.content else None


async def forgot(person: Person) -> str:
    assert (await person.http.post("/auth/password/forgot", json={"email": person.email})).status_code == 202
    return await person.link_token()


async def live(world: World) -> int:
    idle = world.auth.settings.session_idle
    return len(await world.auth.database.rows(select(Session.id).where(is_live(world.clock(), world.clock() - idle))))


async def test_s005_changing_needs_the_present_password(world: World, ada: Person) -> None:
    assert await change(ada, "not it at all", NEW) == 401
    assert (await ada.http.post("/auth/password/change", json={"new_password": NEW})).status_code == 422
    assert await change(ada, PASSWORD, "password123") == 422
    assert (await (await world.person(ada.email)).login()).status_code == 200


async def test_s052_a019_changing_ends_the_other_sessions(world: World, ada: Person) -> None:
    other = Person(world, ada.email, await world.client())
    await other.login()
    assert await change(ada, PASSWORD, NEW) == 204
    assert (await ada.me()).status_code == 200
    assert (await other.me()).status_code == 401
    assert (await other.refresh()).status_code == 401
    assert (await other.login()).status_code == 401
    other.password = NEW
    assert (await other.login()).status_code == 200
    [notice] = await world.mails(ada.email, "password_changed")
    assert "was changed" in notice.text


async def test_s022_a_reset_signs_nobody_in_and_everybody_out(world: World, ada: Person) -> None:
    stranger = Person(world, ada.email, await world.client())
    token = await forgot(stranger)
    assert (await world.mails(ada.email))[-1].kind == "reset_password"
    answer = await stranger.http.post("/auth/password/reset", json={"token": token, "new_password": NEW})
    assert (answer.status_code, answer.content, "set-cookie" in answer.headers) == (204, b"", False)
    assert await live(world) == 0
    assert (await ada.me()).status_code == 401
    ada.password = NEW
    assert (await ada.login()).status_code == 200
    assert len(await world.mails(ada.email, "password_changed")) == 1


async def test_a009_a_reset_token_works_once_and_for_nothing_else(world: World, ada: Person) -> None:
    token = await forgot(ada)
    assert (await ada.http.post("/auth/email/verify", json={"token": token})).status_code == 400
    assert (await ada.http.post("/auth/email/undo", json={"token": token})).status_code == 400
    assert await reset(ada, token, "password123") == (422, "invalid_request")
    assert await reset(ada, token) == (204, None)
    assert await reset(ada, token) == (400, "invalid_token")

    await world.later(minutes=2)
    late = await forgot(ada)
    world.clock.travel(minutes=31)
    assert await reset(ada, late) == (400, "invalid_token")

    await world.later(minutes=2)
    replaced = await forgot(ada)
    await world.later(minutes=2)
    assert (await ada.http.post("/auth/password/forgot", json={"email": ada.email})).status_code == 202
    assert await reset(ada, replaced) == (400, "invalid_token")


async def test_a009_a_verification_token_resets_nothing(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    assert await reset(ada, await ada.link_token()) == (400, "invalid_token")


async def test_a010_a_change_in_between_kills_the_token(world: World, ada: Person) -> None:
    token = await forgot(ada)
    assert await change(ada, PASSWORD, NEW) == 204
    assert await reset(ada, token) == (400, "invalid_token")

    await world.later(minutes=2)
    token = await forgot(ada)
    await users.suspend(world.auth, (await users.found(world.auth, ada.email)).id, OPERATOR)
    assert await reset(ada, token) == (400, "invalid_token")


async def test_forgot_answers_the_same_for_every_address(world: World, ada: Person) -> None:
    suspended = await world.person("bob@example.com")
    await suspended.register()
    await users.suspend(world.auth, (await users.found(world.auth, suspended.email)).id, OPERATOR)
    answers = []
    for email in (ada.email, suspended.email, "nobody@example.com"):
        answer = await (await world.client()).post("/auth/password/forgot", json={"email": email})
        answers.append((answer.status_code, answer.json(), sorted(answer.headers)))
    assert answers[0] == answers[1] == answers[2]
    assert len(await world.mails(ada.email, "reset_password")) == 1
    assert not await world.mails(suspended.email, "reset_password")
    assert not await world.mails("nobody@example.com")


async def test_s103_an_address_gets_five_mails_a_day_at_most(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"mail_network": "1000/1h"})
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    spellings = ["ada@example.com", "ADA@example.com", " ada@EXAMPLE.com "]
    for number in range(50):
        email = spellings[number % 3]
        assert (await ada.http.post("/auth/password/forgot", json={"email": email})).status_code == 202
    assert len(await world.mails(ada.email, "reset_password")) == 1
    for _ in range(6):
        await world.later(minutes=1)
        await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    assert len(await world.mails(ada.email, "reset_password")) == 5


async def test_s128_verifying_the_mailbox_removes_earlier_credentials(world: World) -> None:
    attacker = await world.person("ada@example.com")
    await attacker.register()
    ada = Person(world, attacker.email, await world.client())
    assert await reset(ada, await forgot(ada)) == (204, None)
    assert (await attacker.login()).status_code == 401
    ada.password = NEW
    assert (await ada.login()).json()["status"] == "complete"


async def test_s011_a_compromised_password_has_to_be_changed(world: World, ada: Person) -> None:
    user = await users.found(world.auth, ada.email)
    await changes.compromise(world.auth, user, OPERATOR)
    assert (await ada.me()).status_code == 401
    assert len(await world.mails(ada.email, "password_compromised")) == 1
    login = (await ada.login()).json()
    assert (login["status"], login["next"]) == ("incomplete", [{"step": "change_password"}])
    ada.http.headers["Authorization"] = f"Login {login['login_token']}"
    assert await change(ada, "not it at all", NEW) == 401
    body = {"current_password": PASSWORD, "new_password": NEW}
    done = await ada.http.post("/auth/password/change", json=body)
    assert done.json()["status"] == "complete"
    assert (await ada.http.post("/auth/password/change", json=body)).json()["code"] == "invalid_login_token"
    del ada.http.headers["Authorization"]
    ada.password = NEW
    world.clock.travel(days=365 * 2)  # no password is too old
    assert (await ada.login()).json()["status"] == "complete"


async def test_s020_an_invitation_is_good_once(world: World) -> None:
    user = await changes.invite(world.auth, "ada@example.com", "Ada", OPERATOR)
    ada = await world.person("ada@example.com")
    [mail] = await world.mails(ada.email)
    assert (mail.kind, user.name) == ("invitation", "Ada")
    token = await ada.link_token()
    assert await reset(ada, token) == (204, None)
    assert await reset(ada, token) == (400, "invalid_token")
    ada.password = NEW
    assert (await ada.login()).json()["user"]["email_verified"] is True

    late = await changes.invite(world.auth, "bob@example.com", None, OPERATOR)
    bob = await world.person(late.email)
    token = await bob.link_token()
    world.clock.travel(days=8)
    assert await reset(bob, token) == (400, "invalid_token")


async def test_the_password_that_was_checked_must_still_be_current(world: World, ada: Person) -> None:
    """Two changes at once: the one that was judged by a password no longer in force changes nothing."""

    class Slow(Hasher):
        async def hash(self, password: str) -> str:
            digest = await super().hash(password)
            await world.auth.database.rows(update(PasswordHash).values(digest=digest))
            return digest

    world.auth.hasher.close()
    world.auth.hasher = Slow()
    assert await change(ada, PASSWORD, NEW) == 401


async def test_s112_tokens_are_stored_as_keyed_digests(world: World, ada: Person) -> None:
    token = await forgot(ada)
    rows = await world.auth.database.rows(select(OneTimeToken.token))
    assert all(token not in row.token for row in rows)


@pytest.mark.parametrize("path", ["/auth/password/forgot", "/auth/password/reset", "/auth/password/change"])
async def test_a054_cross_site_requests_are_refused(world: World, ada: Person, path: str) -> None:
    await ada.login(transport="cookie")
    del ada.http.headers["Authorization"]
    bodies = {"email": ada.email}, {"token": "x", "new_password": NEW}
    body = {"current_password": PASSWORD, "new_password": NEW} if path.endswith("change") else bodies["reset" in path]
    answer = await ada.http.post(path, json=body, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


async def test_a_forgotten_password_does_not_end_an_invitation(world: World) -> None:
    """Nor does it end a link that an operator made; a stranger may request a reset for an invited user."""
    invited = await changes.invite(world.auth, "ada@example.com", None, OPERATOR)
    ada, stranger = await world.person(invited.email), await world.person(invited.email)
    invitation = await ada.link_token()
    link = (await changes.link(world.auth, invited)).partition("#token=")[2]
    asked = await forgot(stranger)
    assert len({invitation, link, asked}) == 3
    assert await reset(ada, invitation) == (204, None)
    for other in (link, asked, invitation):
        assert await reset(ada, other) == (400, "invalid_token")


async def test_an_invitation_ends_by_a_reset_and_by_a_suspension(world: World) -> None:
    invited = await changes.invite(world.auth, "ada@example.com", None, OPERATOR)
    ada = await world.person(invited.email)
    invitation = await ada.link_token()
    assert await reset(ada, await forgot(ada)) == (204, None)
    assert await reset(ada, invitation) == (400, "invalid_token")

    other = await changes.invite(world.auth, "bob@example.com", None, OPERATOR)
    bob = await world.person(other.email)
    invitation = await bob.link_token()
    await users.suspend(world.auth, other.id, OPERATOR)
    await users.restore(world.auth, other.id, OPERATOR)
    assert await reset(bob, invitation) == (400, "invalid_token")


async def test_an_invitation_of_the_previous_version_still_works(world: World) -> None:
    """It has the purpose of a reset, and its digest was made for that."""
    invited = await changes.invite(world.auth, "ada@example.com", None, OPERATOR)
    ticket = Ticket(invited.id, changes.RESET, parse(invited.email), timedelta(days=7))
    token, kept = tokens.issue(world.auth, ticket)
    await world.auth.database.rows(kept)
    ada = await world.person(invited.email)
    assert await reset(ada, token) == (204, None)
    ada.password = NEW
    assert (await ada.login()).status_code == 200
