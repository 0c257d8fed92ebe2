"""What people do on the pages, form by form, as a browser without a script does it."""

import re
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update

from fam_auth.features.otp import Otp
from fam_auth.features.password import Password, changes, managers
from fam_auth.models import Session, User
from fam_auth.repository.data_access.managers import users
from tests.support.browsing import Browser, browser, member, program
from tests.support.people import OPERATOR, PASSWORD, World

# Pages ask what the API asks, which the stories of the API run on both engines.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
NEW = "eleven purple yaks"


async def test_from_registration_to_farewell(world: World, guest: Browser) -> None:  # noqa: PLR0915 - it is long
    ada = guest
    await ada.sign_up()
    assert ada.path == "/auth/check-mail"
    assert ada.email in ada.text
    assert ada.email not in str(ada.answer.url)
    await ada.verify()
    assert (ada.path, "is verified" in ada.text) == ("/auth/sign-in", True)
    await ada.sign_in()
    assert ada.path == "/auth/account"

    await ada.open("/account/second-factors")
    codes = await ada.enrol()
    assert len(codes) == 10
    await ada.open("/account")
    await ada.leave()
    assert ada.path == "/auth/signed-out"

    await ada.sign_in()
    assert ada.path == "/auth/sign-in/authenticator"
    await ada.send("/authenticator", code="000000")
    assert "This code is incorrect" in ada.text
    await ada.send("/authenticator", code=f" {ada.code()[:3]} {ada.code()[3:]} ")
    assert ada.path == "/auth/account"
    world.clock.travel(seconds=30)

    other = await browser(world, ada.email)
    await other.sign_in()
    await other.open("/sign-in/recovery-code")
    assert "You have 10 left" in other.text
    await other.send("/recovery-code", code=codes[0])
    assert other.path == "/auth/account"

    await ada.open("/account/sessions")
    assert ada.text.count("Last active") == 2
    await ada.send("/end")
    assert "The session was signed out" in ada.text
    await other.open("/account")
    assert (other.path, other.answer.url.params["next"]) == ("/auth/sign-in", "/auth/account")

    world.clock.travel(minutes=11)
    await ada.open("/account/delete")
    assert "Before you can make changes here" in ada.text
    await ada.open(next(link for link in ada.page.links if "/sign-in/again" in link))
    await ada.send("/again", password=PASSWORD)
    assert ada.path == "/auth/sign-in/authenticator"
    await ada.send("/authenticator", code=ada.code())
    assert ada.path == "/auth/account/delete"

    await ada.open("/account/password")
    await ada.send(current_password=PASSWORD, new_password=NEW)
    assert "was changed" in ada.text
    await ada.open("/account/delete")
    await ada.send("/delete")
    assert "Select this box" in ada.text
    await ada.send("/delete", understood="yes")
    assert ada.path == "/auth/account-deleted"
    assert (await (await program(world)).login()).status_code == 401


async def test_a_code_verifies_and_the_login_goes_on(world: World, guest: Browser) -> None:
    await guest.sign_up()
    await guest.sign_in(next="/auth/account/activity")
    assert guest.path == "/auth/check-mail"
    await guest.send("/check-mail", code="12")
    assert "This code is incorrect" in guest.text
    code = await guest.mailed_code()
    await guest.send("/check-mail", code=f"{code[:3]} {code[3:]}")
    assert guest.path == "/auth/account/activity"


async def test_the_mail_is_sent_again(world: World, guest: Browser) -> None:
    await guest.open("/check-mail")
    await guest.sign_up()
    await guest.send("/resend")
    assert "we sent you a new email" in guest.text
    assert guest.email in guest.text
    await world.later(minutes=2)
    await guest.send("/resend")
    assert len(await world.mails(guest.email, "verify_email")) == 3


async def test_a_stranger_may_type_the_address_and_the_code(world: World, guest: Browser) -> None:
    await (await program(world)).register()
    await guest.open("/check-mail")
    await guest.send("/check-mail", email="nobody", code="123456")
    assert "Enter a valid email address" in guest.text
    await guest.send("/check-mail", email=guest.email, code=await guest.mailed_code())
    assert "Enter the password you chose when you registered" in guest.text
    await guest.send("/check-mail", password="not it at all")
    assert guest.answer.status_code == 401
    await guest.send("/check-mail", password=PASSWORD)
    assert (guest.path, "You can now sign in" in guest.text) == ("/auth/sign-in", True)


async def test_a_link_that_is_opened_in_another_browser_asks_for_the_password(world: World, guest: Browser) -> None:
    await guest.sign_up()
    other = await browser(world, guest.email)
    await other.verify()
    assert (other.answer.status_code, other.path) == (403, "/auth/verify-email")
    assert "Enter the password you chose when you registered" in other.text
    await other.send("/verify-email", password="not it at all")
    assert other.answer.status_code == 401
    await other.send("/verify-email", password=PASSWORD)
    assert (other.path, "is verified" in other.text) == ("/auth/sign-in", True)
    await other.sign_in()
    assert other.path == "/auth/account"


async def test_the_owner_of_the_mailbox_chooses_a_password_of_their_own(world: World, guest: Browser) -> None:
    """Somebody else registered their address."""
    await guest.sign_up()
    owner = await browser(world, guest.email)
    await owner.verify()
    await owner.send("/new-password", new_password="password123")
    assert (owner.answer.status_code, "too easy to guess" in owner.text) == (422, True)
    await owner.send("/new-password", new_password=NEW)
    assert (owner.path, "Your password was set" in owner.text) == ("/auth/sign-in", True)
    await guest.sign_in()
    assert guest.answer.status_code == 401
    await owner.sign_in(NEW)
    assert owner.path == "/auth/account"


async def test_a_link_that_is_over_says_so_whatever_stands_beside_it(world: World, guest: Browser) -> None:
    await guest.sign_up()
    other = await browser(world, guest.email)
    await other.verify()
    await guest.verify()
    await other.send("/new-password", new_password=NEW)
    assert (other.answer.status_code, "data-token" in other.answer.text) == (400, True)


async def test_nobody_chooses_a_password_for_an_account_that_was_not_registered(world: World) -> None:
    """The link of a mail that was asked for again verifies the address, and does no more."""
    await managers.create(world.auth, "ada@example.com", PASSWORD, "Ada", verified=False)
    ada = await browser(world)
    await ada.http.post("/auth/email/resend", json={"email": ada.email})
    form = {"token": await ada.token(), "new_password": NEW}
    answer = await ada.http.post("/auth/verify-email/new-password", data=form)
    assert answer.status_code == 400
    await ada.verify()
    await ada.sign_in()
    assert ada.path == "/auth/account"


async def test_without_verification_one_is_signed_in_at_once(open_world: OpenWorld) -> None:
    world = await open_world(hosted=True, email_verification=False)
    ada = await browser(world)
    await ada.sign_up()
    assert ada.path == "/auth/account"
    again = await browser(world)
    await again.sign_up()
    assert (again.answer.status_code, "is already in use" in again.text) == (422, True)


async def test_a_forgotten_password(world: World, ada: Browser) -> None:
    other = await browser(world, ada.email)
    await other.open("/forgot-password")
    await other.send(email=ada.email)
    assert (other.path, ada.email in other.text) == ("/auth/forgot-password/sent", True)
    token = await other.token("reset_password")
    await other.open("/reset-password")
    await other.send(token=token, new_password="password1")
    assert "too easy to guess" in other.text
    await other.send(token=f"https://app.example.com/auth/reset-password#token={token}", new_password=NEW)
    assert (other.path, "You can now sign in with it" in other.text) == ("/auth/sign-in", True)
    await ada.open("/account")
    assert ada.path == "/auth/sign-in"
    await other.sign_in(NEW)
    assert other.path == "/auth/account"
    await other.open("/reset-password")
    await other.send(token=token, new_password=NEW)
    assert (other.answer.status_code, "was already used or has expired" in other.text) == (400, True)


async def test_an_invitation(world: World) -> None:
    await changes.invite(world.auth, "bob@example.com", "Bob", OPERATOR)
    bob = await browser(world, "bob@example.com")
    await bob.open("/reset-password")
    await bob.send(token=await bob.token("invitation"), new_password=NEW)
    await bob.sign_in(NEW)
    assert "bob@example.com" in bob.text


async def test_a_password_that_others_know_is_changed_first(world: World, ada: Browser) -> None:
    await changes.compromise(world.auth, await users.found(world.auth, ada.email), OPERATOR)
    await ada.sign_in()
    assert ada.path == "/auth/sign-in/change-password"
    await ada.send("/change-password", current_password="wrong", new_password=NEW)
    assert (ada.answer.status_code, "Incorrect email address or password" in ada.text) == (401, True)
    await ada.send("/change-password", current_password=PASSWORD, new_password=NEW)
    assert ada.path == "/auth/account"


async def test_a_password_that_must_be_reset(world: World, ada: Browser) -> None:
    await world.auth.database.rows(update(User).values(demands=["reset_password"]))
    other = await browser(world, ada.email)
    await other.sign_in()
    assert other.path == "/auth/sign-in/reset-password"
    assert "/auth/forgot-password" in other.page.links


async def test_a_demanded_factor_is_added_within_the_login(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(required=True)], hosted=True)
    ada = await browser(world)
    await ada.sign_up()
    await ada.verify()
    await ada.sign_in(next="/auth/account/sessions")
    assert ada.path == "/auth/sign-in/enrol"
    assert len(await ada.enrol()) == 10
    assert "/auth/account/sessions" in ada.page.links
    await ada.open("/account/sessions")
    assert "Two-factor" in ada.text


async def test_factors_are_kept_in_order(world: World, ada: Browser) -> None:
    await ada.open("/account/second-factors")
    await ada.send("/devices", name="x" * 101)
    assert "Too long." in ada.text
    await ada.open("/account/second-factors")
    await ada.enrol()
    await ada.open("/account/second-factors")
    assert "Before you can make changes here" in ada.text
    await ada.open("/sign-in/again?next=/auth/account/second-factors")
    await ada.send("/again", password="wrong")
    assert ada.answer.status_code == 401
    await ada.send("/again", password=PASSWORD)
    await ada.send("/authenticator", code=ada.code())
    world.clock.travel(seconds=30)
    assert ada.path == "/auth/account/second-factors"

    await ada.send("/recovery-codes")
    codes = re.findall(r"<li>([a-z0-9-]{29})</li>", ada.answer.text)
    assert len(codes) == 10
    await ada.open("/account/second-factors")
    assert await ada.enrol() == []
    assert "Authenticator app added" in ada.text
    assert len([form for form in ada.page.forms if form.action.endswith("/remove")]) == 2
    await ada.send("/remove")
    assert "Authenticator app removed" in ada.text
    await ada.send("/remove")
    assert "Two-factor authentication is not set up" in ada.text


async def test_removing_what_must_stay_is_refused(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(required=True)], hosted=True)
    ada = await browser(world)
    await ada.sign_up()
    await ada.verify()
    await ada.sign_in()
    await ada.enrol()
    await ada.open("/account/second-factors")
    await ada.send("/remove")
    assert (ada.answer.status_code, ada.path.endswith("/remove")) == (403, True)
    assert 'class="notice bad"' in ada.answer.text


@pytest.mark.engines("sqlite", "postgresql")  # the only one that trusts a browser
async def test_a_code_by_mail_and_a_browser_that_is_spared(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True, remember_browser=True)], hosted=True)
    ada = await browser(world)
    await ada.sign_up()
    await ada.verify()
    await ada.sign_in()
    assert (ada.path, "a***@example.com" in ada.text) == ("/auth/sign-in/email-code", True)
    await ada.send("/send")
    assert "We sent you a code" in ada.text
    await ada.send("/email-code", code=await ada.mailed_code())
    assert ada.path == "/auth/account"
    await ada.open("/account/second-factors")
    await ada.enrol()
    await ada.open("/account")
    second = await browser(world, ada.email)
    await second.sign_in()
    await second.open("/sign-in/email-code")
    assert second.path == "/auth/sign-in/authenticator"
    ada.world.clock.travel(seconds=30)
    await second.send("/authenticator", code=ada.code(), remember_browser="yes")
    await second.open("/account/second-factors")
    assert "Trusted browsers" in second.text
    await second.send("/distrust")
    assert "This browser is no longer trusted" in second.text


async def test_a_new_address_and_the_way_back(world: World, ada: Browser) -> None:
    await ada.open("/account/email")
    await ada.send("/email", email="ada@example.org")
    assert "We sent a link to the new address" in ada.text
    new = Browser(world, "ada@example.org", ada.http)
    token = await new.token("confirm_email_change")
    await new.open("/confirm-email-change")
    await new.send(token=token)
    assert (new.path, "was changed" in new.text) == ("/auth/account/email", True)
    stranger = await browser(world, ada.email)
    await stranger.open("/confirm-email-change")
    await stranger.send(token=token)
    assert stranger.answer.status_code == 400
    back = await stranger.token("undo_email_change")
    await stranger.open("/undo-email-change")
    await stranger.send(token=back)
    assert stranger.path == "/auth/undone"
    await new.open("/account")
    assert new.path == "/auth/sign-in"


async def test_an_address_is_confirmed_where_nobody_is_signed_in(world: World, ada: Browser) -> None:
    await ada.open("/account/email")
    await ada.send("/email", email="ada@example.org")
    other = await browser(world, "ada@example.org")
    await other.open("/confirm-email-change")
    await other.send(token=await other.token("confirm_email_change"))
    assert other.path == "/auth/sign-in"


async def test_old_proofs_are_asked_for_again(world: World, ada: Browser) -> None:
    await ada.open("/account/email")
    form = ada.page.forms[-1]
    world.clock.travel(minutes=11)
    await ada.send(form.action, email="ada@example.org")
    assert (ada.path, ada.answer.url.params["next"]) == ("/auth/sign-in/again", "/auth/account/email")
    await ada.open("/account/email")
    assert "Before you can make changes here" in ada.text
    await ada.open("/account/delete")
    assert not [one for one in ada.page.forms if one.action.endswith("/delete")]


async def test_name_and_language(world: World, ada: Browser) -> None:
    await ada.open("/account")
    await ada.send("/account", name="Ada Lovelace", locale="de")
    assert ("Änderungen gespeichert" in ada.text, "Ada Lovelace" in ada.answer.text) == (True, True)
    assert 'lang="de"' in ada.answer.text
    await ada.send("/account", name="")
    assert (await users.found(world.auth, ada.email)).name is None
    await ada.send("/account", locale="")
    assert 'lang="en"' in ada.answer.text
    await ada.send("/account", locale="no such language")
    assert (ada.answer.status_code, "check this field" in ada.text) == (422, False)


async def test_what_is_known_of_somebody_is_theirs_to_take(world: World, ada: Browser) -> None:
    await ada.open("/account")
    [link] = [tag for name, tag in ada.page.tags if name == "a" and "download" in tag]
    assert (link["href"], link["download"]) == ("/auth/me/export", "account.json")
    answer = await ada.http.get(link["href"], headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["user"]["email"]) == (200, ada.email)
    assert {"auth_user", "auth_session", "auth_event"} <= set(answer.json()["tables"])
    assert (await (await browser(world)).http.get(link["href"])).status_code == 401


async def test_the_history_of_an_account(world: World, ada: Browser) -> None:
    for _ in range(30):
        await ada.open("/account")
        await ada.send("/account", name="Ada")
    await ada.open("/account/activity")
    assert ada.text.count("Profile changed") == 25
    await ada.open(ada.page.links[-1])
    assert ("Account created" in ada.text, ada.text.count("Profile changed")) == (True, 5)


async def test_all_other_sessions(world: World, ada: Browser) -> None:
    others = [await browser(world, ada.email) for _ in range(2)]
    for one in others:
        await one.sign_in()
    await ada.open("/account/sessions")
    end = next(form.action for form in ada.page.forms if form.action.endswith("/end"))
    await ada.send("/end-others")
    assert "All other sessions were signed out" in ada.text
    answer = await ada.http.post(end)
    assert answer.status_code == 404
    for one in others:
        assert (await one.open("/account")).path == "/auth/sign-in"


async def test_places_of_addresses(world: World, ada: Browser) -> None:
    await ada.open("/account/sessions")
    assert "Home" not in ada.text
    world.auth.place_of = {"127.0.0.1": "Home"}.get
    for page in ("/account/sessions", "/account/activity"):
        await ada.open(page)
        assert "Home (127.0.0.1)" in ada.text
    await world.auth.database.rows(update(Session).values(address=None))
    await ada.open("/account/sessions")
    assert world.auth.texts.say("en", "pages.sessions.somewhere") in ada.text


async def test_a_login_may_be_given_up(world: World, ada: Browser) -> None:
    await ada.open("/account/second-factors")
    await ada.enrol()
    other = await browser(world, ada.email)
    await other.sign_in()
    await other.send("/abandon")
    assert other.path == "/auth/sign-in"
    for page in ("/sign-in/authenticator", "/sign-in/recovery-code", "/sign-in/continue"):
        await other.open(page)
        assert ("Start again" in other.text, other.path) == (True, "/auth/sign-in")
    await other.http.post("/auth/sign-in/abandon")
    assert (await other.http.post("/auth/sign-in/authenticator", data={"code": "123456"})).status_code == 303


async def test_a_login_that_took_too_long(world: World, ada: Browser) -> None:
    await ada.open("/account/second-factors")
    await ada.enrol()
    await ada.open("/sign-in/again")
    await ada.send("/again", password=PASSWORD)
    world.clock.travel(minutes=11)
    await ada.send("/authenticator", code=ada.code())
    assert (ada.path, "Start again" in ada.text) == ("/auth/sign-in/again", True)


async def test_whoever_is_signed_in_goes_on(world: World, ada: Browser) -> None:
    for path in ("/", "/sign-in"):
        assert (await ada.open(path)).path == "/auth/account"
    answer = await ada.http.post("/auth/sign-in", data={"email": "eve@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/account")
    guest = await browser(world)
    assert (await guest.open("/")).path == "/auth/sign-in"
    assert "this page does not offer" in (await guest.open("/sign-in/elsewhere")).text


async def test_a_session_that_has_ended_is_none(world: World, ada: Browser) -> None:
    await (await program(world)).login()
    other = await member(world, "bob@example.com")
    await other.open("/account/password")
    await ada.open("/account/sessions")
    await ada.send("/end-others")
    world.clock.travel(days=8)
    assert (await ada.open("/account")).path == "/auth/sign-in"
    await ada.sign_in()
    assert ada.path == "/auth/account"


@pytest.mark.parametrize(("language", "word"), [("de", "Anmelden"), ("fr, de;q=0.5", "Anmelden"), ("fr", "Sign in")])
async def test_the_browser_says_which_language(world: World, language: str, word: str) -> None:
    theirs = await browser(world, **{"Accept-Language": language})
    assert word in (await theirs.open("/sign-in")).text


async def test_a_step_that_waits_is_found_again(world: World, ada: Browser) -> None:
    assert (await ada.http.post("/auth/step-up")).status_code == 200
    assert (await ada.open("/sign-in/continue")).path == "/auth/sign-in/again"
    new = await browser(world, "bob@example.com")
    await new.sign_up()
    await new.sign_in()
    assert (await new.open("/sign-in/continue")).path == "/auth/check-mail"
    assert (await new.open("/sign-in/authenticator")).path == "/auth/sign-in"


async def test_how_long_to_wait(open_world: OpenWorld) -> None:
    world = await open_world(hosted=True, throttle={"register_network": "1/1h"})
    ada = await browser(world)
    await ada.sign_up()
    await ada.sign_up()
    assert ada.answer.status_code == 429
    assert re.search(r"try again in \d\d min", ada.text)


async def test_devices_in_words(world: World) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    ada = await browser(world, **{"User-Agent": agent})
    await ada.sign_up()
    await ada.verify()
    await ada.sign_in()
    nameless = await browser(world, ada.email, **{"User-Agent": ""})
    await nameless.sign_in()
    await ada.open("/account/sessions")
    assert ("Firefox on Linux" in ada.text, "Unknown device" in ada.text) == (True, True)
