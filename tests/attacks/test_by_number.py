"""Requirements and attacks that no story covers, each by its number, through HTTP alone where possible."""

import asyncio
import hashlib
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select, text

from fam_auth.core.hashing import QUEUE_PER_THREAD, Hasher
from fam_auth.core.letters import render
from fam_auth.core.logs import JsonLines
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.http.access_rules import rules
from fam_auth.models import OneTimeToken, User
from fam_auth.repository.data_access.managers import users
from tests.support.people import OPERATOR, PASSWORD, Person, World
from tests.support.tables import dump

OpenWorld = Callable[..., Awaitable[World]]
DOCS = Path(__file__).parents[2] / "docs"
SQL = ["' OR 1=1 --", '"; DROP TABLE auth_user; --', "%' UNION SELECT 1 --", "\\'; SELECT pg_sleep(5) --"]


async def signed_in(world: World, email: str = "ada@example.com", **login: Any) -> Person:
    person = await world.person(email)
    await person.register()
    await person.verify()
    await person.login(**login)
    return person


@pytest.mark.parametrize("password", ["Fam-Auth2026", "app.example.com1", "ada.lovelace!", "1adalovelace1", "AcmeAcme"])
async def test_s002_words_that_an_attacker_knows(open_world: OpenWorld, password: str) -> None:
    world = await open_world(features=[Password(context_words=("acme", "adalovelace"))])
    ada = await world.person("ada.lovelace@example.com")
    ada.password = password
    assert (await ada.register()).json()["errors"][0]["code"] == "password_blocklisted"


async def test_s003_every_way_in_stands_in_the_table(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True), Role()], token_route=True)
    found = set()
    for item in world.app.openapi()["paths"].values():
        for operation in item.values():
            good = json.dumps([answer for status, answer in operation["responses"].items() if status.startswith("2")])
            if re.search(r"CompleteAnswer|TokensAnswer|/Confirmed", good):
                found.add(operation["operationId"])
    page = (DOCS / "sessions.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == found


async def test_s010_long_passwords_and_too_long_ones(world: World) -> None:
    for length, status in ((64, 202), (1024, 202), (1025, 422), (5000, 422)):
        person = await world.person(f"a{length}@example.com")
        person.password = "".join(chr(33 + (number * 7919) % 90) for number in range(length))
        assert (await person.register()).status_code == status


async def test_s014_there_is_nobody_at_first(world: World) -> None:
    assert await world.auth.database.rows(select(User.id)) == []


async def test_s041_s042_the_page_names_the_figures(world: World) -> None:
    page = (DOCS / "sessions.md").read_text()
    for name in ("SESSION_IDLE", "SESSION_ABSOLUTE", "ACCESS_LIFETIME", "REFRESH_GRACE", "LOGIN_LIFETIME"):
        assert f"`FAM_AUTH_{name}`" in page
    settings = world.auth.settings
    assert (settings.session_idle.days, settings.session_absolute.days, settings.sessions_per_account) == (7, 30, 50)


async def test_s042_the_oldest_of_too_many_sessions_ends(open_world: OpenWorld) -> None:
    world = await open_world(sessions_per_account=3)
    ada = await signed_in(world)
    first = Person(world, ada.email, await world.client())
    first.use(ada.tokens)
    for _ in range(2):
        await ada.login()
    assert (await first.me()).status_code == 200
    await ada.login()
    assert ((await first.me()).status_code, (await ada.me()).status_code) == (401, 200)
    assert len((await ada.http.get("/auth/sessions")).json()["items"]) == 3
    ended = [one for one in (await ada.http.get("/auth/events")).json()["items"] if one["kind"] == "session.ended"]
    assert [one["detail"] for one in ended] == [{"reason": "too_many"}]


async def test_s044_s067_a_changed_token_is_none(world: World) -> None:
    ada = await signed_in(world)
    token = ada.tokens["access_token"]
    for place in range(5, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        ada.http.headers["Authorization"] = f"Bearer {changed}"
        assert (await ada.me()).status_code == 401
    browser = await world.client(Cookie="__Host-fam_session=famc_forged; __Host-fam_login=faml_forged")
    assert (await browser.get("/auth/me")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"X-API-Key": "x"}, {"Authorization": "ApiKey x"}, {"Authorization": "Basic YWRhOng="}, {"X-User-Id": "1"}],
)
async def test_s045_s063_nothing_static_is_a_session(world: World, headers: dict[str, str]) -> None:
    ada = await signed_in(world)
    stranger = await world.client(**headers, Cookie=f"user={ada.email}; role=admin")
    for path in ("/auth/me", "/auth/sessions", "/auth/users"):
        assert (await stranger.get(path)).status_code == 401


async def test_s058_a057_reading_changes_nothing(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(), Role()])
    ada = await signed_in(world, transport="cookie")
    forgot = await world.client()
    await forgot.post("/auth/password/forgot", json={"email": ada.email})
    token = await ada.link_token()
    before = await dump(world)
    for rule in rules(world.app):
        # An export leaves a line in the audit log: test_s058_an_export_leaves_one_event_and_nothing_else.
        if rule.method == "GET" and rule.path.startswith("/auth") and not rule.path.endswith("/export"):
            path = re.sub(r"\{\w+\}", str(world.auth.new_id()), rule.path)
            await ada.http.get(path, params={"token": token})
    for page in ("reset-password", "verify-email"):
        for method in ("GET", "HEAD"):
            assert (await ada.http.request(method, f"/auth/{page}")).status_code in {404, 405}
    assert await dump(world) == before
    body = {"token": token, "new_password": "eleven purple yaks"}
    assert (await forgot.post("/auth/password/reset", json=body)).status_code == 204


async def test_s058_an_export_leaves_one_event_and_nothing_else(open_world: OpenWorld) -> None:
    """It is no session, and what could be read by it is worth knowing that it was."""
    world = await open_world(features=[Password(), Otp(), Role()])
    ada = await signed_in(world, transport="cookie")
    before = json.loads(await dump(world))
    assert (await ada.http.get("/auth/me/export")).status_code == 200
    after = json.loads(await dump(world))
    written = set(after.pop("auth_event")) - set(before.pop("auth_event"))
    assert (after, len(written), "user.exported" in str(written)) == (before, 1, True)


async def test_s070_a_token_ends_by_the_servers_clock(world: World) -> None:
    ada = await signed_in(world)
    world.clock.travel(seconds=298)
    assert (await ada.me()).status_code == 200
    world.clock.travel(seconds=2)
    assert (await ada.me()).status_code == 401


@pytest.mark.parametrize("evil", SQL)
async def test_s096_no_sql_is_built_from_input(world: World, evil: str) -> None:
    ada = await signed_in(world)
    for method, path, body in (
        ("POST", "/auth/login", {"email": "ada@example.com", "password": evil}),
        ("POST", "/auth/email/verify", {"token": evil}),
        ("POST", "/auth/refresh", {"refresh_token": evil}),
        ("POST", "/auth/password/check", {"password": evil}),
        ("PATCH", "/auth/me", {"name": evil}),
    ):
        answer = await ada.http.request(method, path, json=body)
        assert answer.status_code < 500
    assert (await ada.me()).json()["name"] == evil
    assert (await ada.http.get("/auth/events", params={"after": evil})).status_code == 422
    users_left = await world.auth.database.rows(select(User.id))
    assert len(users_left) == 1


async def test_s097_s098_a083_user_input_is_shown_as_text(world: World) -> None:
    name = "<script>alert(1)</script>{{7*7}}${7*7}"
    ada = await world.person("ada@example.com")
    await ada.register(name=name)
    await ada.verify()
    ada.http.headers["User-Agent"] = name
    await ada.login()
    other = Person(world, ada.email, await world.client(**{"User-Agent": f"{name}2"}))
    await other.login()
    [mail] = await world.mails(ada.email, "new_device")
    assert mail.recipient == ada.email
    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert "{{7*7}}" in mail.text
    context = {"app_name": "A\r\nBcc: evil@x.com", "requested_at": "now", "requested_from": None}
    subject = render((), "already_registered", context).subject
    assert "\n" not in mail.as_message()["Subject"]
    assert "\n" not in subject.replace("\r", "")


async def test_s102_no_step_can_be_skipped(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp()])
    client = await world.client()
    for path, body, code in (
        ("/auth/login/totp", {"code": "123456"}, "invalid_login_token"),
        ("/auth/login/recovery-code", {"code": "abcd-efgh"}, "invalid_login_token"),
        ("/auth/password/reset", {"token": "famp_x", "new_password": PASSWORD}, "invalid_token"),
        ("/auth/email/confirm", {"token": "famp_x"}, "invalid_token"),
        ("/auth/email/undo", {"token": "famp_x"}, "invalid_token"),
        ("/auth/otp/devices", {"name": "x"}, "unauthenticated"),
        ("/auth/step-up", None, "unauthenticated"),
    ):
        assert (await client.post(path, json=body)).json()["code"] == code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.com.evil.example"])
async def test_s107_no_other_origin_reads(world: World, origin: str) -> None:
    ada = await signed_in(world)
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for method, headers in (("GET", {}), ("OPTIONS", preflight)):
        answer = await ada.http.request(method, "/auth/me", headers={"Origin": origin, **headers})
        assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


async def test_s115_no_secret_travels_in_an_address(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(), Role()])
    names = [
        parameter["name"]
        for item in world.app.openapi()["paths"].values()
        for operation in item.values()
        for parameter in operation.get("parameters", ())
    ]
    assert not {"token", "code", "password", "secret", "login_token", "refresh_token"} & set(names)
    ada = await world.person("ada@example.com")
    await ada.register()
    [mail] = await world.mails(ada.email)
    for link in re.findall(r"https://\S+", mail.text):
        assert "?" not in link.partition("#")[0]


async def test_s119_a090_more_hashes_than_wait_are_refused(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"network": "1000/5m", "accounts": "1000/1h", "network_day": "1000/1d"})
    ada = await signed_in(world)
    world.auth.hasher.close()
    world.auth.hasher = Hasher(threads=1)
    go_on = threading.Event()
    waiting = [asyncio.create_task(world.auth.hasher.run(go_on.wait)) for _ in range(1 + QUEUE_PER_THREAD)]
    long = "x7" * 512
    people = [Person(world, f"u{number}@example.com", await world.client(), long) for number in range(20)]
    answers = await asyncio.gather(*(person.login() for person in people), *(ada.me() for _ in range(5)))
    refused = answers[:-5]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "busy")}
    waits = {answer.headers["Retry-After"] for answer in refused}
    assert waits <= {"1", "2", "3"}
    assert len(waits) > 1
    assert [answer.status_code for answer in answers[-5:]] == [200] * 5
    go_on.set()
    await asyncio.gather(*waiting)
    assert (await people[0].login()).status_code == 401


async def test_s124_an_error_response_does_not_reveal_its_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await signed_in(world)
    table = "auth_event" if world.auth.database.is_sqlite else "fam_auth.auth_event"
    await world.auth.database.rows(text(f"ALTER TABLE {table} RENAME TO away"))
    for answer in (
        await ada.http.get("/auth/events"),
        await ada.login(),
        await ada.http.patch("/auth/me", json={"name": "x"}),
    ):
        assert answer.status_code == 503
        assert answer.json()["request_id"]
        assert not re.search(r"auth_event|select|insert|Traceback|/src/|sqlalchemy", answer.text, re.IGNORECASE)


async def test_s125_without_a_database_nobody_gets_in(world: World) -> None:
    ada = await signed_in(world)
    table = "auth_attempt" if world.auth.database.is_sqlite else "fam_auth.auth_attempt"
    await world.auth.database.rows(text(f"ALTER TABLE {table} RENAME TO away"))
    assert (await ada.login()).status_code == 503


async def test_a016_nothing_that_a_client_brings_becomes_its_session(open_world: OpenWorld) -> None:
    world = await open_world(transports="cookie")
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    own = {"__Host-fam_session": "famc_mine", "__Host-fam_login": "faml_mine", "__Host-fam_device": "famd_mine"}
    values: set[str | None] = set(own.values())
    for name, value in own.items():
        ada.http.cookies.set(name, value)
    for _ in range(3):
        assert (await ada.login()).status_code == 200
        fresh = {
            cookie.value for cookie in ada.http.cookies.jar if cookie.name == "__Host-fam_session" and cookie.domain
        }
        assert not fresh & values
        values |= set(fresh)


async def test_a017_s050_after_logout_nothing_works(world: World) -> None:
    ada = await signed_in(world)
    await ada.me()
    answers = await asyncio.gather(ada.http.post("/auth/logout"), ada.me(), ada.me())
    assert answers[0].status_code == 204
    assert (await ada.me()).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert (await ada.http.post("/auth/logout")).status_code == 401


@pytest.mark.parametrize("token", ["", None, [], {}, 0, False])
async def test_a038_no_half_token_verifies(world: World, token: Any) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    for body in ({"token": token}, {"email": ada.email, "code": token}, {"email": ada.email}, {}):
        assert (await ada.http.post("/auth/email/verify", json=body)).status_code in {400, 422}
    assert not (await users.found(world.auth, ada.email)).email_verified


async def test_a046_clients_without_an_address_share_one_limit(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"network": "3/5m"})
    transport = httpx2.ASGITransport(world.app, client=("", 0))
    codes = []
    for number in range(5):
        async with httpx2.AsyncClient(transport=transport, base_url="https://app.example.com") as client:
            body = {"email": f"u{number}@example.com", "password": "not it at all"}
            codes.append((await client.post("/auth/login", json=body)).status_code)
    assert codes == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register"])
async def test_a056_another_site_cannot_sign_a_user_in(world: World, path: str) -> None:
    body = {"email": "eve@example.com", "password": PASSWORD}
    for headers, is_refused in (
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Sec-Fetch-Site": "none"}, False),
        ({}, False),
    ):
        answer = await (await world.client(**headers)).post(path, json=body)
        assert (answer.json().get("code") == "cross_site") == is_refused
    form = await (await world.client()).post(path, data=body)
    assert form.status_code in {415, 422}


async def test_a098_whoever_writes_the_tables_plants_no_token(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    user, now = await users.found(world.auth, ada.email), world.auth.now()
    known = "famp_known-to-the-attacker"
    planted = insert(OneTimeToken).values(
        id=world.auth.new_id(),
        user_id=user.id,
        purpose="reset_password",
        address=ada.email,
        token=hashlib.sha256(known.encode()).hexdigest(),
        code_tries=0,
        created_at=now,
        expires_at=world.auth.until(world.auth.settings.verify_lifetime),
    )
    await world.auth.database.rows(planted)
    body = {"token": known, "new_password": "eleven purple yaks"}
    assert (await ada.http.post("/auth/password/reset", json=body)).json()["code"] == "invalid_token"


@pytest.mark.parametrize(
    ("path", "kind", "is_verified"),
    [
        ("/auth/password/forgot", "reset_password", True),
        ("/auth/email/resend", "verify_email", False),
        ("/auth/register", "verify_email", False),
        ("/auth/register", "already_registered", True),
    ],
)
async def test_a102_s103_mails_to_an_address_are_limited(
    open_world: OpenWorld, path: str, kind: str, is_verified: bool
) -> None:
    world = await open_world(trusted_proxies=("127.0.0.1",))
    ada = await world.person("ada@example.com")
    await ada.register()
    if is_verified:
        await ada.verify()
    body = {"email": ada.email, **({"password": "eleven purple yaks"} if path == "/auth/register" else {})}
    sent: list[Any] = []
    for number in range(40):
        stranger = await world.client(**{"X-Forwarded-For": f"198.51.100.{number}"})
        answer = await stranger.post(path, json=body)
        assert answer.status_code == 202
        assert answer.json().keys() == ({"status", "registration_token"} if path == "/auth/register" else {"status"})
        sent = await world.mails(ada.email, kind)
        await world.later(minutes=2)
    # Her own registration was the first of the five where it counts among them.
    assert len(sent) == (4 if kind == "already_registered" else 5)


async def test_a102_a_registration_beyond_the_mails_of_a_day_leaves_no_trace(open_world: OpenWorld) -> None:
    """Nothing of it counts, and nothing of those before it changes."""
    world = await open_world(trusted_proxies=("127.0.0.1",))
    ada, eve = await world.person("ada@example.com"), await world.person("ada@example.com")
    await ada.register()
    eve.password = "eleven purple yaks"
    for _ in range(4):
        await eve.register()
    kept = await eve.link_token()
    await eve.register()
    assert await eve.link_token() == kept
    late = {"token": kept, "registration_token": eve.registration}
    assert (await eve.http.post("/auth/email/verify", json=late)).json()["code"] == "password_required"
    assert (await ada.verify(token=kept)).status_code == 200
    assert (await ada.login()).json()["status"] == "complete"


def test_a103_an_entry_of_the_log_is_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, 'evil\r\n{"event": "forged"}\x1b[2J"}', None, None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["message"].startswith("evil")


async def test_a108_a_guard_holds_wherever_the_application_is_mounted(world: World) -> None:
    for root in ("", "/app", "/a/b"):
        transport = httpx2.ASGITransport(world.app, root_path=root)
        async with httpx2.AsyncClient(transport=transport, base_url="https://app.example.com") as client:
            assert (await client.get(f"{root}/auth/me")).status_code in {401, 404}
            assert (await client.get("/auth/me")).status_code in {401, 404}


async def test_s051_whoever_is_suspended_has_nothing_left(world: World) -> None:
    ada = await signed_in(world)
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    token = await ada.link_token()
    await users.suspend(world.auth, (await users.found(world.auth, ada.email)).id, OPERATOR)
    assert ((await ada.me()).status_code, (await ada.refresh()).status_code) == (401, 401)
    body = {"token": token, "new_password": "eleven purple yaks"}
    assert (await ada.http.post("/auth/password/reset", json=body)).json()["code"] == "invalid_token"
