"""The main story: register, verify, sign in and sign out."""

from collections.abc import Awaitable, Callable

from fam_auth.repository.data_access.managers import users
from tests.support.people import OPERATOR, Person, World


async def test_from_registration_to_logout(world: World) -> None:
    ada = await world.person("ada@example.com")
    registered = await ada.register(name="Ada")
    assert registered.status_code == 202
    assert registered.json() == {"status": "pending_verification", "registration_token": ada.registration}

    early = await ada.login()
    assert early.json()["status"] == "incomplete"
    assert early.json()["next"] == [{"step": "verify_email"}]
    assert (await ada.me()).status_code == 401

    assert (await ada.verify()).json() == {"status": "verified"}
    complete = (await ada.login()).json()
    assert complete["status"] == "complete"
    assert complete["user"]["email"] == "ada@example.com"
    assert complete["session"]["proofs"][0]["method"] == "password"

    assert (await ada.me()).json()["name"] == "Ada"
    refreshed = await ada.refresh()
    assert refreshed.status_code == 200
    ada.use(refreshed.json())
    sessions = (await ada.http.get("/auth/sessions")).json()["items"]
    assert [item["current"] for item in sessions] == [True]

    assert (await ada.http.post("/auth/logout")).status_code == 204
    gone = await ada.me()
    assert (gone.status_code, gone.json()["code"]) == (401, "unauthenticated")
    assert (await ada.refresh()).json()["code"] == "invalid_refresh_token"
    assert (await ada.http.post("/auth/logout")).status_code == 401


async def test_a_code_verifies_as_well_as_the_link(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    code = await ada.code()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(4):
        refused = await ada.verify(email=ada.email, code=wrong)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_code")
    answer = await ada.verify(email=ada.email, code=code)
    assert answer.json() == {"status": "verified"}


async def test_five_wrong_codes_end_the_code_and_leave_the_link(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    code = await ada.code()
    wrong = "000000" if code != "000000" else "111111"
    for guess in [wrong] * 5 + [code]:
        refused = await ada.verify(email=ada.email, code=guess)
        assert refused.json()["code"] == "invalid_code"
    assert (await ada.verify()).status_code == 200


async def test_a_code_lives_ten_minutes_and_a_link_a_day(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    code = await ada.code()
    world.clock.travel(minutes=10, seconds=1)
    late = await ada.verify(email=ada.email, code=code)
    assert late.json()["code"] == "invalid_code"
    world.clock.travel(hours=24)
    assert (await ada.verify()).json()["code"] == "invalid_token"


async def test_a_link_works_once(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    token = await ada.link_token()
    assert (await ada.verify(token=token)).status_code == 200
    again = await ada.verify(token=token)
    assert (again.status_code, again.json()["code"]) == (400, "invalid_token")


async def test_verifying_with_a_login_under_way_completes_it(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    login_token = (await ada.login()).json()["login_token"]
    headers = {"Authorization": f"Login {login_token}"}
    assert (await ada.http.get("/auth/login", headers=headers)).json()["next"] == [{"step": "verify_email"}]
    body = {"token": await ada.link_token()}
    complete = (await ada.http.post("/auth/email/verify", json=body, headers=headers)).json()
    assert complete["status"] == "complete"
    ada.use(complete["tokens"])
    assert (await ada.me()).status_code == 200
    assert (await ada.http.get("/auth/login", headers=headers)).status_code == 404


async def test_verifying_does_not_continue_the_login_of_another_user(world: World, ada: Person) -> None:
    eve, bob = await world.person("eve@example.com"), await world.person("bob@example.com")
    await eve.register()
    await bob.register()
    headers = {"Authorization": f"Login {(await eve.login()).json()['login_token']}"}
    body = {"token": await bob.link_token(), "registration_token": bob.registration}
    answer = await bob.http.post("/auth/email/verify", json=body, headers=headers)
    assert answer.json() == {"status": "verified"}


async def test_a_login_can_be_abandoned(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    headers = {"Authorization": f"Login {(await ada.login()).json()['login_token']}"}
    assert (await ada.http.delete("/auth/login", headers=headers)).status_code == 204
    assert (await ada.http.get("/auth/login", headers=headers)).json()["code"] == "no_login"
    assert (await ada.http.get("/auth/login")).status_code == 404
    assert (await ada.http.delete("/auth/login")).status_code == 204


async def test_a020_a_login_token_is_no_access_token(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    token = (await ada.login()).json()["login_token"]
    assert (await ada.http.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401


async def test_a_known_address_gets_the_same_answer_and_a_notice(world: World, ada: Person) -> None:
    new = await (await world.person("bob@example.com")).register()
    known = await ada.register()
    assert (known.status_code, known.json().keys()) == (new.status_code, new.json().keys())
    assert len(known.json()["registration_token"]) == len(new.json()["registration_token"])
    assert sorted(known.headers) == sorted(new.headers)
    notice = (await world.mails("ada@example.com"))[-1]
    assert notice.kind == "already_registered"
    assert "token=" not in notice.text


async def test_a_suspended_account_cannot_be_registered_again(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    ada_id = (await users.found(world.auth, ada.email)).id
    await users.suspend(world.auth, ada_id, OPERATOR)
    await world.mails(ada.email)
    ada.password = "eighteen purple camels"
    assert (await ada.register()).status_code == 202
    assert (await world.mails(ada.email))[-1].kind == "already_registered"
    await users.restore(world.auth, ada_id, OPERATOR)
    assert (await ada.login()).json()["code"] == "invalid_credentials"


async def test_resend_kills_the_older_link(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    first = await ada.link_token()
    resent = await ada.http.post("/auth/email/resend", json={"email": ada.email})
    assert (resent.status_code, resent.json()) == (202, {"status": "accepted"})
    assert (await ada.http.post("/auth/email/verify", json={"token": first})).status_code == 400
    assert (await ada.verify()).status_code == 200


async def test_resend_answers_the_same_and_mails_only_unverified_addresses(world: World, ada: Person) -> None:
    before = len(await world.mails("ada@example.com"))
    for email in ("ada@example.com", "nobody@example.com"):
        answer = await ada.http.post("/auth/email/resend", json={"email": email})
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert len(await world.mails("ada@example.com")) == before
    assert not await world.mails("nobody@example.com")


async def test_without_verification_registering_signs_in(open_world: Callable[..., Awaitable[World]]) -> None:
    world = await open_world(email_verification=False)
    ada = await world.person("ada@example.com")
    answer = await ada.register()
    assert answer.status_code == 201
    assert answer.json()["status"] == "complete"
    again = await ada.register()
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "taken")


async def test_name_and_language_can_be_changed_and_removed(ada: Person) -> None:
    changed = await ada.http.patch("/auth/me", json={"name": "Ada Lovelace", "locale": "en-GB"})
    assert (changed.json()["name"], changed.json()["locale"]) == ("Ada Lovelace", "en-GB")
    removed = await ada.http.patch("/auth/me", json={"name": None})
    assert (removed.json()["name"], removed.json()["locale"]) == (None, "en-GB")
    assert (await ada.http.patch("/auth/me", json={})).json()["locale"] == "en-GB"
    for forbidden in ("email", "id", "email_verified", "created_at", "is_superuser", "roles"):
        assert (await ada.http.patch("/auth/me", json={forbidden: "x"})).status_code == 422


async def test_events_tell_the_user_what_happened(ada: Person) -> None:
    first = (await ada.http.get("/auth/events", params={"limit": 2})).json()
    assert [event["kind"] for event in first["items"]] == ["session.started", "email.verified"]
    rest = (await ada.http.get("/auth/events", params={"after": first["next"]})).json()
    assert [event["kind"] for event in rest["items"]] == ["user.registered"]
    assert rest["next"] is None
