"""Each of our routes, called by everybody there is: nobody passes whom the route does not name (S-060)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from fam_auth import install
from fam_auth.demands import Assurance, Claimed
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, managers
from fam_auth.repository.data_access.managers import users
from fam_auth.routers.rules import Rule, rules
from tests.conftest import MakeAuth
from tests.support.people import OPERATOR, Person, World

OpenWorld = Callable[..., Awaitable[World]]
OWN = ["users:read", "users:manage", "sessions:manage", "events:read", "roles:manage"]
# What every browser may call without a session; a change of this list is a change of what is open.
PUBLIC = {
    "GET /auth/config",
    "GET /auth/health/live",
    "GET /auth/health/ready",
    "POST /auth/email/confirm",
    "POST /auth/email/resend",
    "POST /auth/email/undo",
    "POST /auth/login",
    "POST /auth/password/check",
    "POST /auth/password/forgot",
    "POST /auth/password/reset",
    "POST /auth/refresh",
    "POST /auth/register",
    "POST /auth/token",
}
# What takes the token of a login under way.
WITHIN_A_LOGIN = {
    "DELETE /auth/login",
    "GET /auth/login",
    "POST /auth/email/verify",
    "POST /auth/login/email-code",
    "POST /auth/login/email-code/send",
    "POST /auth/login/recovery-code",
    "POST /auth/login/totp",
}


def features() -> list[Any]:
    return [Password(), Otp(email_code=True), Role()]


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    return await open_world(features=features(), email_verification=False, token_route=True)


def named(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def ours(world: World) -> list[Rule]:
    return [rule for rule in rules(world.app) if rule.path.startswith("/auth")]


async def call(person: Person, rule: Rule) -> tuple[int, str]:
    """What the route answers, asked about things that are not there; a body that is not right comes after the rule."""
    path = re.sub(r"\{\w+\}", str(uuid4()), rule.path)
    answer = await person.http.request(rule.method, path)
    problem = answer.headers["Content-Type"].endswith("problem+json") if answer.content else False
    return answer.status_code, answer.json()["code"] if problem else ""


async def signed_in(world: World, email: str, *, name: str | None = None) -> Person:
    person = await world.person(email)
    person.use((await person.register(name=name)).json()["tokens"])
    return person


def test_s060_every_route_has_a_rule(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth(features=features(), token_route=True))
    found = rules(app)
    assert {named(rule) for rule in found if rule.asks == "nothing"} == set()
    assert {named(rule) for rule in found if rule.asks == "public" and rule.path.startswith("/auth")} == PUBLIC
    assert {named(rule) for rule in found if rule.asks == "login"} == WITHIN_A_LOGIN


async def test_s060_nobody_gets_nothing(office: World) -> None:
    nobody = await office.person("nobody@example.com")
    for rule in ours(office):
        if rule.asks == "session":
            assert await call(nobody, rule) == (401, "unauthenticated"), named(rule)
    forged = await office.person("forged@example.com")
    forged.http.headers.update({"Authorization": "Bearer fams_AAAA", "X-User-Id": "1", "X-Forwarded-User": "admin"})
    for rule in ours(office):
        if rule.asks == "session":
            assert (await call(forged, rule))[0] == 401, named(rule)


async def test_s060_a_user_without_rights_administers_nothing(office: World) -> None:
    ada = await signed_in(office, "ada@example.com")
    asked = [rule for rule in ours(office) if any(isinstance(demand, Claimed) for demand in rule.demands)]
    assert len(asked) >= 20
    for rule in asked:
        assert await call(ada, rule) == (403, "forbidden"), named(rule)


@pytest.mark.parametrize("permission", OWN)
async def test_s060_a_permission_opens_what_it_names_and_nothing_else(office: World, permission: str) -> None:
    admin = await signed_in(office, "admin@example.com")
    user = await users.found(office.auth, admin.email)
    await managers.grant(office.auth, user.id, "admin", OPERATOR)
    name = permission.replace(":", ".")
    assert (await admin.http.post("/auth/roles", json={"name": name, "permissions": [permission]})).status_code == 201
    ada = await signed_in(office, "ada@example.com")
    await managers.grant(office.auth, (await users.found(office.auth, ada.email)).id, name, OPERATOR)
    for rule in ours(office):
        wanted = {demand.name for demand in rule.demands if isinstance(demand, Claimed)}
        if wanted:
            is_open = (await call(ada, rule))[1] != "forbidden"
            assert is_open == (wanted == {permission}), named(rule)


async def test_s060_a_suspended_user_gets_nothing(office: World) -> None:
    ada = await signed_in(office, "ada@example.com")
    await users.suspend(office.auth, (await users.found(office.auth, ada.email)).id, OPERATOR)
    for rule in ours(office):
        if rule.asks == "session":
            assert (await call(ada, rule))[0] == 401, named(rule)


async def test_s057_s060_what_wants_a_proof_wants_it_of_this_session(office: World) -> None:
    ada = await signed_in(office, "ada@example.com")
    office.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    asked = [rule for rule in ours(office) if any(isinstance(demand, Assurance) for demand in rule.demands)]
    assert len(asked) >= 9
    for rule in asked:
        first = next(iter(rule.demands))
        code = "forbidden" if isinstance(first, Claimed) else "step_up_required"
        assert (await call(ada, rule))[1] == code, named(rule)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/auth/sessions/{session}"),
        ("DELETE", "/auth/otp/browsers/{user}"),
        ("POST", "/auth/otp/devices/{user}/confirm"),
    ],
)
async def test_s061_a060_what_is_somebody_elses_is_not_there(office: World, method: str, path: str) -> None:
    ada, eve = await signed_in(office, "ada@example.com"), await signed_in(office, "eve@example.com")
    own = {"session": (await ada.http.get("/auth/session")).json()["id"], "user": (await ada.me()).json()["id"]}
    body = {"code": "123456"} if path.endswith("confirm") else None
    answer = await eve.http.request(method, path.format(**own), json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await ada.me()).status_code == 200


@pytest.mark.parametrize("field", ["roles", "is_admin", "role", "claims", "permissions", "tenant", "suspended_at"])
async def test_s062_a061_nobody_makes_themselves_more_by_a_field(office: World, field: str) -> None:
    eve = await signed_in(office, "eve@example.com")
    assert (await eve.http.patch("/auth/me", json={field: ["admin"]})).status_code == 422
    body = {"email": "new@example.com", "password": eve.password, field: ["admin"]}
    assert (await eve.http.post("/auth/register", json=body)).status_code == 422
    eve.http.headers.update({"X-Role": "admin", "Cookie": "role=admin"})
    assert (await eve.http.get("/auth/users")).json()["code"] == "forbidden"


async def test_s059_the_document_says_what_each_operation_wants(office: World) -> None:
    paths = office.app.openapi()["paths"]
    assert paths["/auth/users"]["get"]["x-needs"] == ["permission users:read"]
    assert paths["/auth/roles"]["post"]["x-needs"] == ["permission roles:manage", "proof within 10 min"]
    assert paths["/auth/roles"]["post"]["description"].endswith("Needs: permission roles:manage, proof within 10 min.")
    assert "x-needs" not in paths["/auth/me"]["get"]
