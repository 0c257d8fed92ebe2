"""Who may try how often: strangers cannot guess, and cannot lock an owner out."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from fam_auth.core.rates import Rate
from fam_auth.features.password import changes
from fam_auth.models import Attempt, Outbox, Session
from fam_auth.repository.data_access.managers import known_browsers, users
from fam_auth.repository.data_access.managers.attempts import network_of
from fam_auth.values import Client
from tests.support.people import OPERATOR, PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
NEW = "eleven purple yaks"


@pytest.fixture
async def behind_proxy(open_world: OpenWorld) -> World:
    """An application behind a proxy, so that a test can come from any network."""
    return await open_world(trusted_proxies=("127.0.0.1",))


async def somebody(world: World, email: str = "ada@example.com", address: str = "192.0.2.1") -> Person:
    """A user with a verified address, who has not signed in yet."""
    person = await world.person(email)
    person.http.headers["X-Forwarded-For"] = address
    await person.register()
    await person.verify()
    return person


async def guess(world: World, email: str, address: str) -> tuple[int, int]:
    """Status and Retry-After of a wrong password from an address."""
    stranger = Person(world, email, await world.client(**{"X-Forwarded-For": address}), "not it at all")
    answer = await stranger.login()
    return answer.status_code, int(answer.headers.get("Retry-After", 0))


async def drive_up(world: World, email: str) -> None:
    """Strangers guess until the next try of an unknown device is far off."""
    for number in range(12):
        _, wait = await guess(world, email, f"198.51.100.{number}")
        await world.later(seconds=wait)
    await guess(world, email, "198.51.100.99")


async def test_a040_the_wait_doubles_up_to_fifteen_minutes(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    waits = []
    for number in range(18):
        status, _ = await guess(behind_proxy, ada.email, f"198.51.100.{number}")
        assert status == 401
        refused, wait = await guess(behind_proxy, ada.email, f"203.0.113.{number}")
        waits.append(wait if refused == 429 else 0)
        await behind_proxy.later(seconds=wait)
    doubled = [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *[900] * 6]
    # A second may have gone by between the two guesses.
    assert all(due - 1 <= wait <= due for wait, due in zip(waits, doubled, strict=True)), waits


async def test_a040_sixty_wrong_ones_then_the_right_one(world: World, ada: Person) -> None:
    stranger = Person(world, ada.email, await world.client(), "not it at all")
    codes = [(await stranger.login()).status_code for _ in range(60)]
    # The waits of the doubling are real time: one or two of them end while the sixty are sent.
    assert codes[:6] == [401] * 5 + [429]
    assert codes.count(429) >= 50
    later = update(Attempt).where(Attempt.bucket == "account").values(free_at=Attempt.free_at + 60)
    await world.auth.database.rows(later)
    stranger.password = PASSWORD
    refused = await stranger.login()
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")


async def test_a042_the_owner_gets_in_from_a_device_the_account_knows(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]
    await drive_up(behind_proxy, ada.email)
    ada.http.headers["X-Forwarded-For"] = "192.0.2.77"
    assert (await ada.login()).status_code == 429
    assert (await ada.login(device_token="famd_made_up")).status_code == 429
    assert (await ada.login(device_token=known)).status_code == 200


async def test_a042_a_browser_is_known_by_its_cookie(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    answer = await ada.login(transport="cookie")
    assert answer.json()["device_token"] is None
    await drive_up(behind_proxy, ada.email)
    assert (await ada.login(transport="cookie")).status_code == 200
    assert ada.http.cookies["__Host-fam_device"].startswith("famd_")


async def test_a_device_is_known_at_its_account_alone_and_not_for_ever(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    bob = await somebody(behind_proxy, "bob@example.com")
    known = (await ada.login()).json()["device_token"]
    await drive_up(behind_proxy, bob.email)
    assert (await bob.login(device_token=known)).status_code == 429
    await drive_up(behind_proxy, ada.email)
    behind_proxy.clock.travel(days=91)
    assert (await ada.login(device_token=known)).status_code == 429


async def test_a_known_device_has_ten_tries_of_its_own(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]
    ada.password = "not it at all"
    codes = [(await ada.login(device_token=known)).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]


async def test_after_a_hundred_failures_only_a_reset_or_a_known_browser_gets_in(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]

    async def exhaust() -> None:
        await guess(world, ada.email, "198.51.100.1")
        await world.auth.database.rows(update(Attempt).where(Attempt.bucket == "account").values(tries=99, free_at=0))
        await guess(world, ada.email, "198.51.100.2")
        await world.later(days=30)
        assert await guess(world, ada.email, "198.51.100.3") == (429, 900)

    await exhaust()
    assert (await ada.login(device_token=known)).status_code == 200
    assert (await guess(world, ada.email, "198.51.100.4"))[0] == 401
    await exhaust()
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    body = {"token": await ada.link_token(), "new_password": NEW}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 204
    assert (await guess(world, ada.email, "198.51.100.5"))[0] == 401


async def test_the_owner_is_notified_of_many_failures_once_a_day(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    for number in range(24):
        _, wait = await guess(behind_proxy, ada.email, f"198.51.100.{number}")
        await behind_proxy.later(seconds=wait)
    assert len(await behind_proxy.mails(ada.email, "many_failures")) == 1


async def test_a041_one_network_tries_twenty_accounts_an_hour(behind_proxy: World) -> None:
    codes = [(await guess(behind_proxy, f"user{n}@example.com", "198.51.100.9"))[0] for n in range(25)]
    assert codes == [401] * 20 + [429] * 5
    assert (await guess(behind_proxy, "user0@example.com", "198.51.100.9"))[0] == 401
    assert (await guess(behind_proxy, "user30@example.com", "198.51.100.10"))[0] == 401


async def test_one_network_has_thirty_wrong_ones_in_five_minutes(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"accounts": "1000/1h"})
    codes = [(await guess(world, f"user{n}@example.com", "ignored"))[0] for n in range(36)]
    # One comes back every ten seconds of the database's time, which goes on.
    assert codes[:30] == [401] * 30
    assert codes.count(429) >= 3
    await world.later(seconds=10)
    assert (await guess(world, "user40@example.com", "ignored"))[0] == 401


async def test_correct_proofs_are_refunded_to_the_network(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"network": "3/5m"})
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    assert [(await ada.login()).status_code for _ in range(6)] == [200] * 6


async def test_a044_untrusted_forwarded_headers_are_ignored(world: World) -> None:
    names = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"]
    codes = []
    for number in range(25):
        client = await world.client(**dict.fromkeys(names, f"198.51.100.{number}"))
        codes.append((await Person(world, f"user{number}@example.com", client, "not it").login()).status_code)
    assert codes[-1] == 429


async def test_a048_all_spellings_of_an_address_share_their_tries(behind_proxy: World) -> None:
    spellings = ["ada@example.com", "ADA@example.com", " ada@EXAMPLE.com", "Ada@example.com ", "ada@example.COM"]
    codes = [(await guess(behind_proxy, spellings[n % 5], f"198.51.100.{n}"))[0] for n in range(6)]
    assert codes == [401] * 5 + [429]


async def test_the_total_limit_applies_if_enabled(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"total": "3/5m"}, trusted_proxies=("127.0.0.1",))
    ada = await somebody(world)
    known = (await ada.login()).json()["device_token"]
    codes = [(await guess(world, f"user{n}@example.com", f"198.51.100.{n}"))[0] for n in range(4)]
    assert codes == [401] * 3 + [429]
    assert (await ada.login()).status_code == 429
    assert (await ada.login(device_token=known)).status_code == 200


async def test_registrations_of_one_network(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"register_network": "2/1h"})
    answers = [await (await world.person(f"user{n}@example.com")).register() for n in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) > 60


async def test_refreshes_of_one_session(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"refresh": "2/5m"}, email_verification=False)
    ada = await world.person("ada@example.com")
    ada.use((await ada.register()).json()["tokens"])
    for _ in range(2):
        ada.use((await ada.refresh()).json())
    held = await ada.refresh()
    assert (held.status_code, held.json()["code"]) == (429, "too_many_attempts")
    assert (await ada.me()).status_code == 200
    await world.auth.database.rows(update(Session).values(refresh_free_at=0))
    assert (await ada.refresh()).status_code == 200


async def test_the_table_of_attempts_contains_no_addresses(behind_proxy: World) -> None:
    await guess(behind_proxy, "ada@example.com", "198.51.100.1")
    rows = await behind_proxy.auth.database.rows(select(Attempt))
    assert rows
    assert "ada@" not in str([tuple(row) for row in rows])
    assert "198.51" not in str([tuple(row) for row in rows])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_s108_networks(address: str | None, network: str) -> None:
    assert network_of(Client(address)) == network


@pytest.mark.parametrize(
    ("text", "limit", "period"),
    [("30/5m", 30, timedelta(minutes=5)), ("20/h", 20, timedelta(hours=1)), ("300/1d", 300, timedelta(days=1))],
)
def test_rates(text: str, limit: int, period: timedelta) -> None:
    rate = Rate(text)
    assert (rate.limit, rate.period) == (limit, period)
    assert rate == text


@pytest.mark.parametrize("text", ["", "0/5m", "5", "5/0m", "-1/s", "5/5y", "many"])
def test_an_invalid_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a rate"):
        Rate(text)


async def test_s016_the_owner_hears_of_a_right_password_after_many_wrong_ones(behind_proxy: World) -> None:
    ada = await somebody(behind_proxy)
    await ada.login()
    for number in range(11):
        await guess(behind_proxy, ada.email, f"198.51.100.{number}")
        await behind_proxy.later(minutes=16)
    lucky = await somebody_else(behind_proxy, ada.email)
    assert (await lucky.login()).status_code == 200
    assert (await lucky.login()).status_code == 200
    assert len(await behind_proxy.mails(ada.email, "guessed")) == 1
    assert len(await behind_proxy.mails(ada.email, "new_device")) == 1


async def somebody_else(world: World, email: str) -> Person:
    """A stranger with the password, in an unknown browser."""
    return Person(world, email, await world.client(**{"X-Forwarded-For": "198.51.100.200", "User-Agent": "other"}))


async def reset(world: World, person: Person) -> None:
    """The owner of an address sets a new password by mail."""
    await person.http.post("/auth/password/forgot", json={"email": person.email})
    body = {"token": await person.link_token(), "new_password": NEW}
    assert (await person.http.post("/auth/password/reset", json=body)).status_code == 204
    person.password = NEW


async def undo(world: World, person: Person) -> None:
    """The owner of an address takes a change of it back, and sets a new password."""
    await person.login()
    await person.http.post("/auth/email/change", json={"email": "thief@example.com"})
    [mail] = await world.mails(person.email, "undo_email_change")
    token = mail.text.partition("#token=")[2].split()[0]
    assert (await person.http.post("/auth/email/undo", json={"token": token})).status_code == 200
    await reset(world, person)


async def compromise(world: World, person: Person) -> None:
    """An administrator marks the password as compromised."""
    await changes.compromise(world.auth, await users.found(world.auth, person.email), OPERATOR)


@pytest.mark.parametrize("recover", [reset, undo, compromise])
async def test_a_device_token_ends_with_the_recovery_of_the_account(
    behind_proxy: World, recover: Callable[[World, Person], Awaitable[None]]
) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    thief = await somebody_else(world, ada.email)
    stolen = (await thief.login()).json()["device_token"]
    await recover(world, ada)
    await drive_up(world, ada.email)
    # It has no tries of its own any more: it waits as all strangers do.
    refused = await thief.login(device_token=stolen)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")


async def test_after_a_reset_the_owner_is_known_again_from_the_next_sign_in(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    before = (await ada.login()).json()["device_token"]
    await reset(world, ada)
    after = (await ada.login(device_token=before)).json()["device_token"]
    assert len(await world.mails(ada.email, "new_device")) == 0
    await drive_up(world, ada.email)
    assert (await ada.login(device_token=before)).status_code == 429
    assert (await ada.login(device_token=after)).status_code == 200


async def test_the_limit_of_a_known_browser_affects_only_itself(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]
    await drive_up(world, ada.email)
    ada.password = "not it at all"
    for _ in range(10):
        await ada.login(device_token=known)
    refused = await ada.login(device_token=known)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) <= 90


async def test_a_device_of_a_deleted_account_is_not_known_at_the_next_one_of_the_address(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]
    await users.remove(world.auth, (await users.found(world.auth, ada.email)).id, OPERATOR)
    await world.mails(ada.email)
    ada = await somebody(world)
    await drive_up(world, ada.email)
    assert (await ada.login(device_token=known)).status_code == 429


async def test_a_device_token_of_the_previous_version_works_until_a_reset(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    world.clock.travel(seconds=2)
    auth = world.auth
    expires_at = int(auth.until(auth.settings.device_lifetime).timestamp())
    account = hashlib.sha256(ada.email.encode()).digest()[:16]
    old = known_browsers.EARLIER_TOKEN.seal(auth.keys, account, bytes.fromhex(known_browsers.new()), expires_at)
    await drive_up(world, ada.email)
    assert (await ada.login(device_token=old)).status_code == 200
    token = known_browsers.TOKEN
    short = token.prefix + auth.keys.seal_token(token.purpose, b"short")
    assert known_browsers.known(auth, short, ada.email) is None
    await reset(world, ada)
    await drive_up(world, ada.email)
    assert (await ada.login(device_token=old)).status_code == 429


async def test_all_together_counts_for_a_device_that_was_forgotten(open_world: OpenWorld) -> None:
    world = await open_world(throttle={"total": "1/5m"}, trusted_proxies=("127.0.0.1",))
    ada = await somebody(world)
    known = (await ada.login()).json()["device_token"]
    await reset(world, ada)
    assert (await guess(world, "bob@example.com", "198.51.100.1"))[0] == 401
    assert (await ada.login(device_token=known)).status_code == 429


async def test_a_known_browser_takes_no_further_statement(behind_proxy: World) -> None:
    world, ada = behind_proxy, await somebody(behind_proxy)
    known = (await ada.login()).json()["device_token"]
    statements = list[str]()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        # What a worker asks for once a second is nobody's.
        if "auth_change" not in statement and "pg_" not in statement:
            statements.append(statement)

    listened = world.auth.database.engine.sync_engine, "before_cursor_execute", note
    event.listen(*listened)
    counts = []
    for more in ({}, {"device_token": known}):
        statements.clear()
        assert (await ada.login(**more)).status_code == 200
        counts.append(len(statements))
    event.remove(*listened)
    assert counts[1] <= counts[0]


ASKING = ["/auth/password/forgot", "/auth/email/resend"]


@pytest.mark.parametrize("path", ASKING)
async def test_one_network_can_request_twenty_mails_an_hour(behind_proxy: World, path: str) -> None:
    """The twenty-first is refused, with or without an account, and nothing is written for it."""
    world, ada = behind_proxy, await somebody(behind_proxy)
    unverified = await world.person("bob@example.com")
    await unverified.register()
    asker = await world.client(**{"X-Forwarded-For": "198.51.100.1"})
    codes = [
        (await asker.post(ASKING[number % 2], json={"email": f"nobody{number}@example.com"})).status_code
        for number in range(20)
    ]
    assert codes == [202] * 20
    before = await waiting(world)
    refused = []
    for email in (ada.email, unverified.email, "nobody@example.com"):
        answer = await asker.post(path, json={"email": email})
        assert 100 < int(answer.headers["Retry-After"]) <= 180
        problem = answer.json()
        refused.append((answer.status_code, problem["code"], problem["detail"], sorted(answer.headers)))
    assert refused == [(429, "too_many_attempts", *refused[0][2:])] * 3
    assert await waiting(world) == before
    asker.headers["X-Forwarded-For"] = "198.51.100.2"
    assert (await asker.post(path, json={"email": ada.email})).status_code == 202
    asker.headers["X-Forwarded-For"] = "198.51.100.1"
    await world.later(minutes=3)
    assert (await asker.post(path, json={"email": "nobody@example.com"})).status_code == 202


async def waiting(world: World) -> int:
    """How many rows there are in the outbox."""
    return len(await world.auth.database.rows(select(Outbox.id)))


@pytest.mark.parametrize("path", ASKING)
async def test_requesting_a_mail_takes_the_same_statements_for_every_address(open_world: OpenWorld, path: str) -> None:
    world = await open_world(trusted_proxies=("127.0.0.1",), throttle={"mail_network": "2/1h"})
    ada = await somebody(world)
    unverified = await world.person("bob@example.com")
    await unverified.register()
    statements, counts = list[str](), dict[int, set[int]]()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        # What a worker asks for once a second is nobody's.
        if "auth_change" not in statement and "pg_" not in statement:
            statements.append(statement)

    event.listen(world.auth.database.engine.sync_engine, "before_cursor_execute", note)
    for number, email in enumerate((ada.email, unverified.email, "nobody@example.com")):
        asker = await world.client(**{"X-Forwarded-For": f"198.51.100.{number}"})
        for _ in range(3):
            statements.clear()
            status = (await asker.post(path, json={"email": email})).status_code
            counts.setdefault(status, set()).add(len(statements))
            await world.later(seconds=61)
    event.remove(world.auth.database.engine.sync_engine, "before_cursor_execute", note)
    assert {status: len(found) for status, found in counts.items()} == {202: 1, 429: 1}


@pytest.mark.parametrize("page", ["/auth/forgot-password", "/auth/check-mail/resend"])
async def test_the_pages_report_the_rate_limit_too(open_world: OpenWorld, page: str) -> None:
    world = await open_world(hosted=True, throttle={"mail_network": "1/1h"})
    browser = await world.client(**{"Sec-Fetch-Site": "same-origin"})
    assert (await browser.post(page, data={"email": "nobody@example.com"})).status_code == 303
    again = await browser.post(page, data={"email": "nobody@example.com"})
    assert "You can try again in" in again.text
    assert again.headers["Content-Type"].startswith("text/html")
