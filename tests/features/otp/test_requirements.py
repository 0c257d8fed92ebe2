"""Requirements on second factors that no story of test_otp.py covers."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect

from fam_auth.core.security import new_code
from fam_auth.features.otp import Otp, totp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, managers
from fam_auth.repository.data_access.managers import users
from tests.support.owners import Owner, enrolled, somebody
from tests.support.people import OPERATOR, Person, World

# Who has to have a factor is decided outside of the database.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
TEXTS = ("sms", "voice", "phone_number")
QUESTIONS = ("hint", "question", "secret_answer")


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world(features=[Password(), Otp(), Role()])


@pytest.fixture
async def ada(world: World) -> Owner:
    """A user with an authenticator."""
    return await enrolled(world)


async def begun(person: Person) -> str:
    token: str = (await person.login()).json()["login_token"]
    return token


async def give(person: Person, method: str, code: str, token: str) -> Any:
    path = {"totp": "/auth/login/totp", "recovery_code": "/auth/login/recovery-code"}[method]
    return await person.http.post(path, json={"code": code}, headers={"Authorization": f"Login {token}"})


async def test_s016_one_mail_however_often_a_second_factor_is_wrong(world: World, ada: Owner) -> None:
    for _ in range(12):
        await give(ada, "totp", "000000", await begun(ada))
        await world.later(minutes=6)
    assert len(await world.mails(ada.email, "password_known")) == 1


async def test_s017_a_mailed_code_is_off(world: World) -> None:
    await somebody(world)
    assert "/auth/login/email-code" not in world.app.openapi()["paths"]


async def test_s018_a_mail_at_every_change_of_factors(world: World) -> None:
    ada = await enrolled(world)
    kinds = [mail.kind for mail in await world.mails(ada.email)]
    assert kinds.count("second_factor_added") == 1
    await ada.http.post("/auth/otp/recovery-codes")
    [device] = (await ada.http.get("/auth/otp")).json()["devices"]
    assert (await ada.http.delete(f"/auth/otp/devices/{device['id']}")).status_code == 204
    kinds = [mail.kind for mail in await world.mails(ada.email)]
    assert (kinds.count("recovery_codes_replaced"), kinds.count("second_factor_removed")) == (1, 1)


async def test_s021_s032_no_texts_and_no_questions(world: World) -> None:
    document = json.dumps(world.app.openapi()).lower()
    assert [word for word in (*TEXTS, *QUESTIONS) if f'"{word}' in document] == []
    async with world.auth.database.engine.connect() as connection:
        schema = world.auth.database.schema
        columns = await connection.run_sync(
            lambda plain: [
                column["name"]
                for table in inspect(plain).get_table_names(schema=schema)
                for column in inspect(plain).get_columns(table, schema=schema)
            ]
        )
    assert columns
    assert [name for name in columns if any(word in name for word in (*TEXTS, *QUESTIONS))] == []


def test_s028_mailed_codes_are_uniform() -> None:
    """10,000 codes: each digit in each place is as frequent as expected (chi-square, 9 degrees, p = 0.00001)."""
    codes = [new_code() for _ in range(10_000)]
    assert {len(code) for code in codes} == {6}
    for place in range(6):
        counts = Counter(code[place] for code in codes)
        assert sum((counts[str(digit)] - 1000) ** 2 / 1000 for digit in range(10)) < 39.3
    # Repeats among 10,000 of a million: about 50.
    assert 10_000 - len(set(codes)) < 100


async def test_s030_a_factor_that_was_taken_away_is_worth_nothing(world: World, ada: Owner) -> None:
    token = await begun(ada)
    admin = await somebody(world, "admin@example.com")
    await managers.grant(world.auth, (await users.found(world.auth, admin.email)).id, "admin", OPERATOR)
    place = f"/auth/users/{(await users.found(world.auth, ada.email)).id}/otp"
    shown = (await admin.http.get(place)).json()
    assert ([one["name"] for one in shown["devices"]], shown["recovery_codes_left"]) == (["Phone"], 10)
    assert ada.secret not in json.dumps(shown)
    assert (await admin.http.post(f"{place}/remove", json={})).status_code == 422
    assert (await admin.http.post(f"{place}/remove", json={"reason": "lost it, passport seen"})).status_code == 204
    world.clock.travel(minutes=1)
    assert (await give(ada, "totp", ada.code(), token)).status_code == 401
    assert (await ada.login()).json()["status"] == "complete"
    events = await admin.http.get("/auth/events/all", params={"kind": "second_factor.removed"})
    [removed] = events.json()["items"]
    assert removed["detail"]["reason"] == "lost it, passport seen"


async def test_s031_the_time_is_the_servers(world: World, ada: Owner) -> None:
    token = await begun(ada)
    ahead = totp.code_of(ada.secret, totp.step_of(world.auth.now() + timedelta(minutes=5)))
    headers = {"Authorization": f"Login {token}", "Date": "Mon, 01 Jan 2035 00:00:00 GMT", "X-Time": "2035-01-01"}
    refused = await ada.http.post("/auth/login/totp", json={"code": ahead}, headers=headers)
    assert refused.json()["code"] == "invalid_code"
    body = {"code": ahead, "at": "2035-01-01T00:00:00Z"}
    assert (await ada.http.post("/auth/login/totp", json=body, headers=headers)).status_code == 422


async def test_s033_a_code_is_for_its_own_request(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True)])
    ada = await world.person("ada@example.com")
    await ada.register()
    verification = await ada.code()
    await ada.verify()
    first, second = await begun(ada), await begun(ada)
    path, send = "/auth/login/email-code", "/auth/login/email-code/send"
    await ada.http.post(send, headers={"Authorization": f"Login {first}"})
    code = await ada.code()
    for token, given in ((second, code), (first, verification)):
        refused = await ada.http.post(path, json={"code": given}, headers={"Authorization": f"Login {token}"})
        assert refused.json()["code"] == "invalid_code"
    body = {"email": ada.email, "code": code}
    assert (await ada.http.post("/auth/email/verify", json=body)).json()["code"] == "invalid_code"
    assert (
        await ada.http.post("/auth/password/reset", json={"token": code, "new_password": "x" * 20})
    ).status_code == 400
    await world.later(minutes=2)
    await ada.http.post(send, headers={"Authorization": f"Login {first}"})
    newer = await ada.code()
    statuses = [
        (await ada.http.post(path, json={"code": given}, headers={"Authorization": f"Login {first}"})).status_code
        for given in (code, newer)
    ]
    assert statuses == [400, 200]


async def test_s024_no_factor_expires_unannounced(world: World, ada: Owner) -> None:
    """Nothing of a second factor ends by itself, so there is nothing to warn of: three years later all of it works."""
    world.clock.travel(days=3 * 365)
    assert (await ada.second(await ada.first(), ada.code())).status_code == 200
    token = await ada.first()
    assert (await ada.second(token, ada.recovery_codes[0], "recovery-code")).status_code == 200
