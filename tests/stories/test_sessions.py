"""Sessions: refresh and its grace, lifetimes, lists, cookies, and pages of other sites."""

from collections.abc import Awaitable, Callable

import pytest

from fam_auth.repository.data_access.managers import sessions, users
from tests.support.people import OPERATOR, PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]


async def test_the_same_refresh_token_gives_the_same_successor_within_the_grace(ada: Person) -> None:
    first, again = (await ada.refresh()).json(), (await ada.refresh()).json()
    assert first["refresh_token"] == again["refresh_token"] != ada.tokens["refresh_token"]
    ada.use(again)
    assert (await ada.me()).status_code == 200


async def test_s086_a013_after_the_grace_an_old_refresh_token_ends_the_session(world: World, ada: Person) -> None:
    successor = (await ada.refresh()).json()
    world.clock.travel(seconds=11)
    assert (await ada.refresh()).json()["code"] == "invalid_refresh_token"
    ada.use(successor)
    assert (await ada.me()).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert [mail.kind for mail in await world.mails(ada.email)][-1] == "refresh_reused"


async def test_s086_a013_an_old_refresh_token_ends_the_session_once_its_successor_was_used(ada: Person) -> None:
    old = ada.tokens
    ada.use((await ada.refresh()).json())
    ada.use((await ada.refresh()).json())
    newest = ada.tokens
    ada.use(old)
    assert (await ada.refresh()).status_code == 401
    ada.use(newest)
    assert (await ada.refresh()).status_code == 401


async def test_an_access_token_lives_five_minutes(world: World, ada: Person) -> None:
    world.clock.travel(minutes=5, seconds=1)
    assert (await ada.me()).status_code == 401
    ada.use((await ada.refresh()).json())
    assert (await ada.me()).status_code == 200


async def test_s048_an_idle_session_ends_and_a_used_one_does_not(world: World, ada: Person) -> None:
    for _ in range(3):
        world.clock.travel(days=6)
        ada.use((await ada.refresh()).json())
    world.clock.travel(days=7, seconds=1)
    assert (await ada.refresh()).status_code == 401
    assert "refresh_reused" not in {mail.kind for mail in await world.mails(ada.email)}


async def test_s049_a015_no_session_lives_longer_than_its_absolute_end(world: World, ada: Person) -> None:
    for _ in range(5):
        world.clock.travel(days=5, hours=23)
        ada.use((await ada.refresh()).json())
    world.clock.travel(hours=6)
    assert (await ada.refresh()).status_code == 401


async def test_requests_keep_a_session_from_being_idle(open_world: OpenWorld) -> None:
    world = await open_world(profile="strict")
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.http.post("/auth/login", json={"email": ada.email, "password": ada.password, "transport": "cookie"})
    for _ in range(3):
        world.clock.travel(minutes=50)
        assert (await ada.me()).status_code == 200
        await sessions.note_seen(world.auth)
    world.clock.travel(minutes=61)
    assert (await ada.me()).status_code == 401
    await sessions.note_seen(world.auth)


async def test_s056_own_sessions_are_listed_in_pages_and_ended(world: World, ada: Person) -> None:
    phone, tablet = await world.person(ada.email), await world.person(ada.email)
    await phone.login()
    await tablet.login()
    page = (await ada.http.get("/auth/sessions", params={"limit": 2})).json()
    rest = (await ada.http.get("/auth/sessions", params={"limit": 2, "after": page["next"]})).json()
    assert [item["current"] for item in page["items"] + rest["items"]] == [False, False, True]
    assert rest["next"] is None
    newest = page["items"][0]["id"]
    assert (await ada.http.delete(f"/auth/sessions/{newest}")).status_code == 204
    assert (await ada.http.delete(f"/auth/sessions/{newest}")).status_code == 404
    assert ((await tablet.me()).status_code, (await phone.me()).status_code) == (401, 200)
    assert (await ada.http.delete("/auth/sessions")).status_code == 204
    assert ((await phone.me()).status_code, (await ada.me()).status_code) == (401, 200)


async def test_a061_users_cannot_end_or_see_sessions_of_others(world: World, ada: Person) -> None:
    bob = await world.person("bob@example.com")
    await bob.register()
    await bob.verify()
    await bob.login()
    of_ada = (await ada.http.get("/auth/sessions")).json()["items"][0]["id"]
    assert (await bob.http.delete(f"/auth/sessions/{of_ada}")).status_code == 404
    assert (await ada.me()).status_code == 200


async def test_s051_suspension_ends_everything_and_looks_like_a_wrong_password(world: World, ada: Person) -> None:
    user = await users.found(world.auth, ada.email)
    await users.suspend(world.auth, user.id, OPERATOR, reason="unpaid")
    assert (await ada.me()).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert (await ada.login()).json()["code"] == "invalid_credentials"
    await users.restore(world.auth, user.id, OPERATOR)
    assert (await ada.login()).json()["status"] == "complete"


async def test_s104_a_cookie_session(world: World, ada: Person) -> None:
    browser = await world.client()
    body = {"email": ada.email, "password": ada.password, "transport": "cookie"}
    answer = await browser.post("/auth/login", json=body)
    assert answer.json()["tokens"] is None
    cookie = next(value for value in answer.headers.get_list("set-cookie") if "fam_session" in value)
    assert cookie.startswith("__Host-fam_session=famc_")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert (await browser.get("/auth/me")).json()["email"] == ada.email
    assert (await browser.post("/auth/refresh")).json()["assurance"] == "aal1"
    value = browser.cookies["__Host-fam_session"]
    plain = await world.client()
    assert (await plain.get("/auth/me", headers={"Authorization": f"Bearer {value}"})).status_code == 401
    assert (await plain.post("/auth/refresh", json={"refresh_token": value})).status_code == 401
    assert (await browser.post("/auth/logout")).status_code == 204
    assert (await plain.get("/auth/me", headers={"Cookie": f"__Host-fam_session={value}"})).status_code == 401


async def test_a_bearer_session_is_not_refreshed_without_its_token(ada: Person) -> None:
    assert (await ada.http.post("/auth/refresh")).status_code == 401


async def test_the_login_cookie_carries_a_login_under_way(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    answer = await ada.login(transport="cookie")
    assert answer.json()["login_token"] is None
    assert (await ada.http.get("/auth/login")).json()["next"] == [{"step": "verify_email"}]
    evil = await ada.http.delete("/auth/login", headers={"Origin": "https://evil.example"})
    assert evil.json()["code"] == "cross_site"
    assert (await ada.verify()).json()["status"] == "complete"
    assert (await ada.me()).status_code == 200


CROSS_SITE = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_s105_a054_another_site_changes_nothing(world: World, ada: Person, headers: dict[str, str]) -> None:
    browser = await world.client()
    body = {"email": ada.email, "password": PASSWORD, "transport": "cookie"}
    refused = await browser.post("/auth/login", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    await browser.post("/auth/login", json=body)
    for method, path in [("POST", "logout"), ("DELETE", "sessions"), ("PATCH", "me"), ("POST", "refresh")]:
        content = {"name": "Eve"} if method == "PATCH" else None
        answer = await browser.request(method, f"/auth/{path}", headers=headers, json=content)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert (await browser.get("/auth/me", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://app.example.com"}])
async def test_our_own_pages_and_programs_may_sign_in(world: World, ada: Person, headers: dict[str, str]) -> None:
    client = await world.client(**headers)
    answer = await client.post("/auth/login", json={"email": ada.email, "password": PASSWORD})
    assert answer.status_code == 200


async def test_an_allowed_origin_may_sign_in(open_world: OpenWorld) -> None:
    world = await open_world(allowed_origins="https://spa.example.org, https://other.example.org")
    client = await world.client(Origin="https://spa.example.org")
    answer = await client.post("/auth/login", json={"email": "a@example.com", "password": PASSWORD})
    assert answer.json()["code"] == "invalid_credentials"


async def test_a_transport_that_is_switched_off_is_refused(open_world: OpenWorld, ada: Person) -> None:
    assert (await ada.login(transport="cookie")).status_code == 200
    without = await open_world(transports="bearer")
    client = await without.client(Cookie=f"__Host-fam_session={ada.http.cookies['__Host-fam_session']}")
    assert (await client.get("/auth/me")).status_code == 401
    body = {"email": ada.email, "password": ada.password, "transport": "cookie"}
    assert (await client.post("/auth/login", json=body)).json()["errors"][0]["code"] == "not_allowed"


async def test_a040_the_sixth_wrong_password_waits(world: World, ada: Person) -> None:
    ada.password = "not the password at all"
    codes = [(await ada.login()).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    throttled = await ada.login()
    assert (throttled.json()["code"], throttled.headers["Retry-After"]) == ("too_many_attempts", "1")
    await world.later(seconds=2)
    ada.password = PASSWORD
    assert (await ada.login()).status_code == 200
    ada.password = "not the password at all"
    assert (await ada.login()).status_code == 401


async def test_a001_a_wrong_password_looks_like_an_unknown_user(world: World, ada: Person) -> None:
    unverified, suspended = await world.person("new@example.com"), await world.person("bad@example.com")
    for person in (unverified, suspended):
        await person.register()
    await users.suspend(world.auth, (await users.found(world.auth, suspended.email)).id, OPERATOR)
    answers = []
    for email in (ada.email, unverified.email, suspended.email, "nobody@example.com"):
        person = await world.person(email)
        person.password = "not the password at all"
        answer = await person.login()
        problem = {name: value for name, value in answer.json().items() if name != "request_id"}
        answers.append((answer.status_code, sorted(answer.headers), problem))
    assert all(answer == answers[0] for answer in answers)


async def test_the_password_form_of_oauth2(open_world: OpenWorld) -> None:
    world = await open_world(token_route=True)
    ada = await world.person("ada@example.com")
    await ada.register()
    form = {"username": ada.email, "password": ada.password}
    assert (await ada.http.post("/auth/token", data=form)).json()["code"] == "second_factor_required"
    await ada.verify()
    tokens = (await ada.http.post("/auth/token", data=form)).json()
    ada.use(tokens)
    assert (await ada.me()).status_code == 200


async def test_the_password_form_is_off_in_production(world: World, ada: Person) -> None:
    assert (await ada.http.post("/auth/token", data={})).status_code == 404


async def test_config_health_and_password_check(world: World) -> None:
    client = await world.client()
    config = (await client.get("/auth/config")).json()
    assert config["features"]["password"] == {"minimum_length": 8, "maximum_length": 1024}
    assert (await client.get("/auth/health/live")).json() == {"status": "ok"}
    assert (await client.get("/auth/health/ready")).json() == {"status": "ok"}
    world.auth.is_stopping = True
    assert (await client.get("/auth/health/ready")).status_code == 503
    for password, code in {"short": "too_short", "x" * 1025: "too_long", "password123": "password_blocklisted"}.items():
        judged = (await client.post("/auth/password/check", json={"password": password})).json()
        assert (judged["acceptable"], judged["reasons"][0]["code"]) == (False, code)
    assert (await client.post("/auth/password/check", json={"password": PASSWORD})).json()["acceptable"] is True


async def test_s106_s109_a096_headers_of_every_answer(ada: Person) -> None:
    for answer in (await ada.me(), await ada.http.post("/auth/login", json={}), await ada.http.get("/auth/config")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]
