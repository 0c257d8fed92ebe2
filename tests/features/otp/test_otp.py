"""Second factors: added, required after every first factor, used once, lost and removed."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, update

from fam_auth import Auth, User
from fam_auth.exceptions import Forbidden
from fam_auth.feature import Feature
from fam_auth.features.otp import Otp, managers, queries, totp
from fam_auth.features.otp.models import OtpDevice, RecoveryCode
from fam_auth.features.password import Password
from fam_auth.models import Attempt
from fam_auth.repository.data_access.managers import users
from fam_auth.values import Actor, Client
from tests.support.owners import Owner, enrolled, somebody
from tests.support.people import OPERATOR, PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
NEW = "eleven purple yaks"


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """An application with second factors by choice."""
    return await open_world(features=[Password(), Otp(issuer="Acme")], throttle={"free": 10})


class Admins(Feature):
    """Every user is an administrator."""

    name: ClassVar[str] = "admins"

    async def claims(self, auth: Auth, db: object, user: User) -> Mapping[str, Any]:
        return {"roles": ["admin"]}


@pytest.fixture
async def ada(world: World) -> Owner:
    """A user with an authenticator, signed in with both factors."""
    return await enrolled(world)


async def test_from_the_qr_code_to_a_session_of_two_factors(world: World) -> None:
    ada = await somebody(world)
    begun = (await ada.http.post("/auth/otp/devices", json={"name": "Phone"})).json()
    assert begun["uri"].startswith("otpauth://totp/Acme:ada%40example.com?secret=")
    assert begun["qr_svg"].startswith("<svg")
    ada.secret, ada.device_id = begun["secret"], begun["id"]
    assert (await ada.confirm("000000")).json()["code"] == "invalid_code"
    codes = (await ada.confirm(ada.code())).json()["recovery_codes"]
    assert len(codes) == 10
    assert len(await world.mails(ada.email, "second_factor_added")) == 1

    login = (await ada.login()).json()
    methods = [{"method": "totp"}, {"method": "recovery_code", "remaining": 10}]
    assert login["next"] == [{"step": "second_factor", "methods": methods}]
    assert "tokens" not in login
    world.clock.travel(seconds=30)
    done = await ada.second(login["login_token"], ada.code())
    assert [proof["method"] for proof in done.json()["session"]["proofs"]] == ["password", "totp"]
    factors = (await ada.http.get("/auth/otp")).json()
    assert [device["name"] for device in factors["devices"]] == ["Phone"]
    assert (factors["recovery_codes_left"], factors["required"]) == (10, False)


async def test_a030_a_code_works_once(world: World, ada: Owner) -> None:
    code = ada.code()
    assert (await ada.second(await ada.first(), code)).status_code == 200
    again = await ada.second(await ada.first(), code)
    assert (again.status_code, again.json()["code"]) == (400, "invalid_code")
    world.clock.travel(seconds=30)
    assert (await ada.second(await ada.first(), ada.code())).status_code == 200
    assert (await ada.second(await ada.first(), ada.code(-1))).status_code == 400
    assert (await ada.second(await ada.first(), ada.code(1))).status_code == 400


async def test_the_code_that_confirms_is_used_up(world: World) -> None:
    ada = await somebody(world)
    begun = (await ada.http.post("/auth/otp/devices", json={})).json()
    ada.secret, ada.device_id = begun["secret"], begun["id"]
    code = ada.code()
    assert (await ada.confirm(code)).status_code == 200
    assert (await ada.confirm(code)).json()["code"] == "step_up_required"
    assert (await ada.second(await ada.first(), code)).json()["code"] == "invalid_code"
    assert (await ada.second(await ada.first(), code)).status_code == 400


async def test_a027_an_unconfirmed_authenticator_is_no_factor(world: World) -> None:
    ada = await somebody(world)
    begun = (await ada.http.post("/auth/otp/devices", json={})).json()
    ada.secret, ada.device_id = begun["secret"], begun["id"]
    assert (await ada.login()).json()["status"] == "complete"
    world.clock.travel(minutes=11)
    await ada.login()
    assert (await ada.confirm(ada.code())).status_code == 404


async def test_s026_a_recovery_code_is_good_once(world: World, ada: Owner) -> None:
    spelled = ada.recovery_codes[0].upper().replace("-", " ")
    done = await ada.second(await ada.first(), spelled, "recovery-code")
    assert done.json()["session"]["assurance"] == "aal2"
    [mail] = await world.mails(ada.email, "recovery_code_used")
    assert "Recovery codes left: 9" in mail.text
    again = await ada.second(await ada.first(), ada.recovery_codes[0], "recovery-code")
    assert again.json()["code"] == "invalid_code"
    for code in ada.recovery_codes[1:8]:
        assert (await ada.second(await ada.first(), code, "recovery-code")).status_code == 200
    factors = (await ada.http.get("/auth/otp")).json()
    assert (factors["recovery_codes_left"], factors["new_recovery_codes_advised"]) == (2, True)
    told = [one["kind"] for one in (await ada.http.get("/auth/events")).json()["items"]]
    assert told.count("second_factor.recovery_code_used") == 8


async def test_s027_nothing_in_the_tables_is_a_code_or_a_secret(world: World, ada: Owner) -> None:
    rows = await world.auth.database.rows(select(RecoveryCode.digest))
    codes = [code.replace("-", "") for code in ada.recovery_codes]
    assert len(rows) == 10
    assert not any(code in row.digest for row in rows for code in codes)
    [device] = await world.auth.database.rows(select(OtpDevice.secret))
    assert device.secret.startswith("v1.1.")
    assert ada.secret not in device.secret
    tables = (await ada.http.get("/auth/me/export")).json()["tables"]
    assert ada.secret not in str(tables)
    assert "secret" not in tables["auth_otp_device"][0]


async def test_s055_another_password_asks_for_the_factor_again(world: World, ada: Owner) -> None:
    """A thief with a session and the password cannot lock out the owner, who has the authenticator."""
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    body = {"current_password": PASSWORD, "new_password": "eleven purple yaks"}
    refused = await ada.http.post("/auth/password/change", json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_required")
    assert refused.json()["lacking"] == {"assurance": "aal2", "max_age": 600}
    started = (await ada.http.post("/auth/step-up")).json()
    client = await world.client(Authorization=f"Login {started['login_token']}")
    first = (await client.post("/auth/login", json={"email": ada.email, "password": PASSWORD})).json()
    ada.use((await ada.second(first["login_token"], ada.code())).json()["tokens"])
    assert (await ada.http.post("/auth/password/change", json=body)).status_code == 204


async def test_s055_adding_and_removing_ask_for_the_factor_again(world: World, ada: Owner) -> None:
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    refused = await ada.http.post("/auth/otp/devices", json={})
    assert refused.json()["lacking"] == {"assurance": "aal2", "max_age": 600}
    for method, path in (("DELETE", f"/auth/otp/devices/{ada.device_id}"), ("POST", "/auth/otp/recovery-codes")):
        assert (await ada.http.request(method, path)).json()["code"] == "step_up_required"

    started = (await ada.http.post("/auth/step-up")).json()
    early = await ada.second(started["login_token"], ada.code())
    assert (early.status_code, early.json()["code"]) == (403, "forbidden")
    client = await world.client(Authorization=f"Login {started['login_token']}")
    first = (await client.post("/auth/login", json={"email": ada.email, "password": PASSWORD})).json()
    assert first["next"][0]["step"] == "second_factor"
    assert (await ada.second(first["login_token"], ada.code())).status_code == 200

    codes = (await ada.http.post("/auth/otp/recovery-codes")).json()["recovery_codes"]
    assert not set(codes) & set(ada.recovery_codes)
    assert len(await world.mails(ada.email, "recovery_codes_replaced")) == 1
    old = await ada.second(await ada.first(), ada.recovery_codes[0], "recovery-code")
    assert old.status_code == 400
    assert (await ada.http.delete(f"/auth/otp/devices/{ada.device_id}")).status_code == 204
    assert len(await world.mails(ada.email, "second_factor_removed")) == 1
    assert (await ada.http.post("/auth/otp/recovery-codes")).status_code == 403
    assert (await Person(world, ada.email, await world.client()).login()).json()["status"] == "complete"
    assert await world.auth.database.rows(select(RecoveryCode.digest)) == []


async def test_a024_a_session_from_before_ends_with_the_factor(world: World) -> None:
    ada = await somebody(world)
    other = Person(world, ada.email, await world.client())
    await other.login()
    await ada.enrol()
    assert (await other.me()).status_code == 401
    assert (await ada.me()).status_code == 200
    assert (await ada.http.get("/auth/session")).json()["assurance"] == "aal1"
    assert (await ada.http.delete(f"/auth/otp/devices/{ada.device_id}")).status_code == 401


async def test_a020_the_login_token_works_for_nothing_else(world: World, ada: Owner) -> None:
    token = await ada.first()
    for scheme in ("Login", "Bearer"):
        client = await world.client(Authorization=f"{scheme} {token}")
        for method, path in (
            ("GET", "/auth/me"),
            ("GET", "/auth/sessions"),
            ("GET", "/auth/otp"),
            ("POST", "/auth/logout"),
            ("POST", "/auth/otp/devices"),
            ("POST", "/auth/otp/recovery-codes"),
            ("DELETE", f"/auth/otp/devices/{ada.device_id}"),
            ("POST", "/auth/step-up"),
        ):
            answer = await client.request(method, path, json={} if path == "/auth/otp/devices" else None)
            assert answer.status_code == 401, (scheme, path)
    refused = await (await world.client()).post("/auth/refresh", json={"refresh_token": token})
    assert refused.status_code == 401


async def test_a022_a_reset_does_not_bypass_the_factor(world: World, ada: Owner) -> None:
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    mail = (await world.mails(ada.email, "reset_password"))[-1]
    found = re.search(r"#token=(\S+)$", mail.text, re.MULTILINE)
    assert found
    body = {"token": found.group(1), "new_password": NEW}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 204
    ada.password = NEW
    assert (await ada.second(await ada.first(), ada.code())).status_code == 200


async def test_a035_an_expired_login_accepts_no_code(world: World, ada: Owner) -> None:
    token = await ada.first()
    world.clock.travel(minutes=11)
    late = await ada.second(token, ada.code())
    assert (late.status_code, late.json()["code"]) == (401, "invalid_login_token")
    assert (await ada.http.post("/auth/login/totp", json={"code": "123456"})).json()["code"] == "invalid_login_token"


async def test_s034_five_tries_a_login_ten_in_a_quarter_of_an_hour(world: World, ada: Owner) -> None:
    token = await ada.first()
    codes = [(await ada.second(token, "000000")).status_code for _ in range(6)]
    assert codes == [400] * 5 + [429]
    other = await ada.first()
    codes = [(await ada.second(other, "000000")).status_code for _ in range(5)]
    assert codes == [400] * 5
    assert len(await world.mails(ada.email, "password_known")) == 1
    third = await ada.first()
    refused = await ada.second(third, ada.code())
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 30) == (429, True)
    await world.later(minutes=3)
    assert (await ada.second(third, ada.code())).status_code == 200


async def test_fifty_in_a_row_force_a_reset(world: World, ada: Owner) -> None:
    await ada.second(await ada.first(), "000000")
    await world.auth.database.rows(update(Attempt).where(Attempt.bucket == "second factor in a row").values(tries=49))
    await ada.second(await ada.first(), "000000")
    done = await ada.second(await ada.first(), ada.code())
    assert (done.json()["status"], done.json()["next"]) == ("incomplete", [{"step": "reset_password"}])
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    token = await ada.link_token()
    body = {"token": token, "new_password": NEW}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 204
    ada.password = NEW
    world.clock.travel(seconds=30)
    assert (await ada.second(await ada.first(), ada.code())).json()["status"] == "complete"


async def test_s061_nobody_touches_the_factors_of_another(world: World, ada: Owner) -> None:
    bob = await somebody(world, "bob@example.com")
    await bob.enrol()
    assert (await bob.second(await bob.first(), bob.code())).status_code == 200
    assert (await bob.http.delete(f"/auth/otp/devices/{ada.device_id}")).status_code == 404
    begun = (await ada.http.post("/auth/otp/devices", json={})).json()
    path = f"/auth/otp/devices/{begun['id']}/confirm"
    code = totp.code_of(begun["secret"], totp.step_of(world.clock()))
    assert (await bob.http.post(path, json={"code": code})).status_code == 404


async def test_several_devices(world: World, ada: Owner) -> None:
    first_secret, first_id = ada.secret, ada.device_id
    further = await ada.enrol("Tablet")
    assert further.json() == {"recovery_codes": None, "login": None}
    assert (await ada.second(await ada.first(), ada.code())).status_code == 200
    world.clock.travel(seconds=30)
    code = totp.code_of(first_secret, totp.step_of(world.clock()))
    assert (await ada.second(await ada.first(), code)).status_code == 200
    assert (await ada.http.delete(f"/auth/otp/devices/{first_id}")).status_code == 204
    world.clock.travel(seconds=30)
    code = totp.code_of(first_secret, totp.step_of(world.clock()))
    assert (await ada.second(await ada.first(), code)).status_code == 400


async def test_s015_whoever_must_have_a_factor_enrols_within_the_login(open_world: OpenWorld) -> None:
    def of_example(user: User) -> bool:
        return user.email.endswith("@must.example.com")

    world = await open_world(features=[Password(), Otp(required=of_example)])
    free = await somebody(world)
    assert (await free.me()).status_code == 200
    ada = Owner(world, "ada@must.example.com", await world.client())
    await ada.register()
    await ada.verify()
    login = (await ada.login()).json()
    step = {"step": "enroll_second_factor", "methods": [{"method": "totp"}]}
    assert (login["status"], login["next"]) == ("incomplete", [step])
    ada.http.headers["Authorization"] = f"Login {login['login_token']}"
    done = (await ada.enrol()).json()
    assert len(done["recovery_codes"]) == 10
    assert done["login"]["session"]["assurance"] == "aal2"
    ada.use(done["login"]["tokens"])
    assert (await ada.http.get("/auth/otp")).json()["required"] is True
    refused = await ada.http.delete(f"/auth/otp/devices/{ada.device_id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    with_factor = await ada.first()
    client = await world.client(Authorization=f"Login {with_factor}")
    assert (await client.post("/auth/otp/devices", json={})).json()["code"] == "invalid_login_token"
    optional = (await free.http.post("/auth/step-up")).json()["login_token"]
    client = await world.client(Authorization=f"Login {optional}")
    assert (await client.post("/auth/otp/devices", json={})).status_code == 401


async def test_s128_taking_over_an_account_removes_earlier_factors(world: World) -> None:
    attacker = await world.person("ada@example.com")
    await attacker.register()
    user = await users.found(world.auth, attacker.email)
    begun = await managers.begin(world.auth, user, "Theirs")
    code = totp.code_of(begun.secret, totp.step_of(world.clock()))
    await managers.confirm(world.auth, user, begun.id, code, OPERATOR, keep=None)
    ada = await world.person(attacker.email)
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    body = {"token": await ada.link_token(), "new_password": NEW}
    assert (await ada.http.post("/auth/password/reset", json=body)).status_code == 204
    ada.password = NEW
    assert (await ada.login()).json()["status"] == "complete"


async def test_s023_an_administrator_takes_lost_factors_off(world: World, ada: Owner) -> None:
    await managers.remove_all(world.auth, await users.found(world.auth, ada.email), "passport shown", OPERATOR)
    assert (await ada.me()).status_code == 401
    assert (await ada.login()).json()["status"] == "complete"
    events = (await ada.http.get("/auth/events")).json()["items"]
    removed = next(event for event in events if event["kind"] == "second_factor.removed")
    assert removed["detail"]["reason"] == "passport shown"


async def test_the_mail_about_removed_factors_hides_the_administrators_address(world: World, ada: Owner) -> None:
    by_administrator = Actor(Client(address="192.0.2.99", agent="office/1"), world.auth.new_id())
    user = await users.found(world.auth, ada.email)
    await managers.remove_all(world.auth, user, "passport shown", by_administrator)
    [mail] = await world.mails(ada.email, "second_factor_removed")
    assert "all authenticator apps and recovery codes were removed" in mail.text
    assert "192.0.2.99" not in mail.text
    assert "office/1" not in mail.text


async def test_s022_a_mailbox_does_not_get_round_a_device(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True)])
    ada = Owner(world, "ada@example.com", await world.client())
    await ada.register()
    await ada.verify()
    token = (await ada.login()).json()["login_token"]
    await (await world.client(Authorization=f"Login {token}")).post("/auth/login/email-code/send")
    await ada.second(token, await Person.code(ada), "email-code")
    await ada.enrol()
    login = (await ada.login()).json()
    assert [one["method"] for one in login["next"][0]["methods"]] == ["totp", "recovery_code"]
    client = await world.client(Authorization=f"Login {login['login_token']}")
    await world.later(minutes=2)
    await world.mails(ada.email)
    assert (await client.post("/auth/login/email-code/send")).status_code == 202
    mailed = await ada.second(login["login_token"], await Person.code(ada), "email-code")
    assert mailed.json()["next"][0]["step"] == "second_factor"


async def test_the_last_recovery_code_lets_in(world: World, ada: Owner) -> None:
    user = await users.found(world.auth, ada.email)
    for code in ada.recovery_codes[:9]:
        await world.auth.database.rows(queries.use_code(user.id, managers.code_digests(world.auth, user.id, code)))
    done = await ada.second(await ada.first(), ada.recovery_codes[9], "recovery-code")
    assert done.json()["status"] == "complete"


async def test_there_are_at_most_ten_devices(world: World) -> None:
    ada = await somebody(world)
    user = await users.found(world.auth, ada.email)
    for number in range(10):
        begun = await managers.begin(world.auth, user, str(number))
        code = totp.code_of(begun.secret, totp.step_of(world.clock()))
        await managers.confirm(world.auth, user, begun.id, code, OPERATOR, keep=None)
    with pytest.raises(Forbidden, match=r"otp\.most_devices"):
        await managers.begin(world.auth, user, "the eleventh")


async def test_authenticators_added_in_parallel_are_at_most_ten(world: World) -> None:
    ada = await somebody(world)
    user = await users.found(world.auth, ada.email)
    begun = [await managers.begin(world.auth, user, str(number)) for number in range(11)]

    async def confirm(one: managers.Enrolment) -> None:
        code = totp.code_of(one.secret, totp.step_of(world.clock()))
        await managers.confirm(world.auth, user, one.id, code, OPERATOR, keep=None)

    for one in begun[:10]:
        await confirm(one)
    with pytest.raises(Forbidden, match=r"otp\.most_devices"):
        await confirm(begun[10])


async def test_s015_roles_may_be_asked_for(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(required_roles=("admin",)), Admins()])
    ada = Owner(world, "ada@example.com", await world.client())
    await ada.register()
    await ada.verify()
    assert (await ada.login()).json()["next"][0]["step"] == "enroll_second_factor"


async def test_a_code_by_mail(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True)])
    ada = Owner(world, "ada@example.com", await world.client())
    await ada.register()
    await ada.verify()
    login = (await ada.login()).json()
    methods = [{"method": "email_code", "hint": "a***@example.com"}]
    assert login["next"] == [{"step": "second_factor", "methods": methods}]
    token = login["login_token"]
    client = await world.client(Authorization=f"Login {token}")
    assert (await client.post("/auth/login/email-code/send")).status_code == 202
    first = await Person.code(ada)
    assert (await client.post("/auth/login/email-code/send")).status_code == 202
    await world.later(minutes=1)
    assert (await client.post("/auth/login/email-code/send")).status_code == 202
    assert (await ada.second(token, first, "email-code")).status_code == 400
    other = await ada.first()
    code = await Person.code(ada)
    assert (await ada.second(other, code, "email-code")).status_code == 400
    done = await ada.second(token, code, "email-code")
    # The mailbox can reset the password: both together are one factor (S-017).
    assert done.json()["session"]["assurance"] == "aal1"
    assert (await client.post("/auth/login/email-code/send")).status_code == 401


async def test_s029_a_mailed_code_lives_ten_minutes(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True)], login_lifetime="PT1H")
    ada = Owner(world, "ada@example.com", await world.client())
    await ada.register()
    await ada.verify()
    token = await ada.first()
    await (await world.client(Authorization=f"Login {token}")).post("/auth/login/email-code/send")
    code = await Person.code(ada)
    world.clock.travel(minutes=10, seconds=1)
    assert (await ada.second(token, code, "email-code")).status_code == 400


async def test_a_trusted_browser_needs_no_second_factor(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(remember_browser=True)])
    ada = await somebody(world)
    await ada.enrol()
    browser = Owner(world, ada.email, await world.client())
    browser.secret = ada.secret
    await browser.login(transport="cookie")
    body = {"code": browser.code(), "remember_browser": True}
    assert (await browser.http.post("/auth/login/totp", json=body)).json()["status"] == "complete"
    spared = (await browser.login(transport="cookie")).json()
    assert (spared["status"], spared["session"]["assurance"]) == ("complete", "aal1")
    assert (await Person(world, ada.email, await world.client()).login()).json()["status"] == "incomplete"

    started = (await browser.http.post("/auth/step-up")).json()
    assert started["next"][0]["step"] == "first_factor"
    assert (await browser.login()).json()["next"][0]["step"] == "second_factor"
    told = [one["kind"] for one in (await browser.http.get("/auth/events")).json()["items"]]
    assert "second_factor.browser_trusted" in told
    [trusted] = (await browser.http.get("/auth/otp")).json()["trusted_browsers"]
    assert (await browser.http.delete(f"/auth/otp/browsers/{trusted['id']}")).status_code == 204
    assert (await browser.http.delete(f"/auth/otp/browsers/{trusted['id']}")).status_code == 404
    assert (await browser.login(transport="cookie")).json()["status"] == "incomplete"


async def test_a_changed_password_ends_the_trust_in_browsers(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(remember_browser=True)])
    ada = await somebody(world)
    await ada.enrol()
    await ada.login(transport="cookie")
    await ada.http.post("/auth/login/totp", json={"code": ada.code(), "remember_browser": True})
    del ada.http.headers["Authorization"]
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await ada.http.post("/auth/password/change", json=body)).status_code == 204
    ada.password = NEW
    assert (await ada.login(transport="cookie")).json()["status"] == "incomplete"


async def test_browsers_are_trusted_only_if_the_setting_allows_it(world: World, ada: Owner) -> None:
    await ada.second(await ada.first(), ada.code(), remember_browser=True)
    assert (await ada.http.get("/auth/otp")).json()["trusted_browsers"] == []


async def test_config_describes_the_second_factors(world: World) -> None:
    config = (await (await world.client()).get("/auth/config")).json()["features"]["otp"]
    assert config == {"methods": ["totp", "recovery_code"], "required": False, "remember_browser": False}
