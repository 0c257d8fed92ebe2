"""Each of our routes, called by every kind of user: the responses are those in docs/reference/rights.md."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from fam_auth import install, needs, second_factor
from fam_auth.demands import MANAGES_ROLES, Claimed
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, any_of, definitions, managers, path, permission, role
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.settings import OWN
from fam_auth.http.access_rules import Rule, rules
from fam_auth.repository.data_access.managers import users
from tests.conftest import MakeAuth
from tests.support.owners import Owner
from tests.support.people import OPERATOR, Person, World

# Who may call what is decided before the SQL of a route, which other tests run on both engines.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
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


RIGHTS = (Path(__file__).parents[3] / "docs" / "reference" / "rights.md").read_text()
LOGIN_REFUSED = {(401, "unauthenticated"), (401, "invalid_login_token")}
# Without one it is answered as if somebody had to be signed in.
BODIES = {"POST /auth/refresh": {"refresh_token": "famr_AAAA"}}
# What ends the session that calls it.
ENDS = {"POST /auth/logout", "DELETE /auth/me"}
PROOF, FACTOR = "proof within 10 min", "second factor within 10 min"
# docs/otp.md: whoever has no factor yet adds one by a recent proof, others by the factor that they have.
ENROLS = dict.fromkeys(("POST /auth/otp/devices", "POST /auth/otp/devices/{device_id}/confirm"), PROOF)


@dataclass(frozen=True)
class Told:
    """What a route requires, according to the page."""

    asks: str
    permission: str = ""
    proof: str = ""


def documented() -> dict[str, Told]:
    """Every route of the page of rights."""
    found = {}
    for row in re.findall(r"^\| `admin` \| `(\S+)` \|.*\| (.*) \|$", RIGHTS, re.MULTILINE):
        for route, proof in re.findall(r"`([^`]+)`(?: \(([^)]+)\))?", row[1]):
            found[route] = Told("session", row[0], proof)
    for route, asks, proof in re.findall(r"^\| `([A-Z]+ [^`]+)` \| (\w+) \| (.*)\|$", RIGHTS, re.MULTILINE):
        found[route] = Told(asks, proof=proof.strip())
    return found


def features() -> list[Any]:
    return [Password(), Otp(email_code=True, remember_browser=True), Role()]


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    return await open_world(features=features(), email_verification=False, token_route=True)


def named(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def ours(world: World) -> list[Rule]:
    return [rule for rule in rules(world.app) if rule.path.startswith("/auth")]


async def call(person: Person, route: str, **known: str) -> str:
    """What bars the way to a route: `unauthenticated`, `forbidden`, `step_up_required` or, if nothing does, `open`.

    The body is missing, which is said after that. Parameters that are not `known` are of what is not there.
    """
    method, _, place = route.partition(" ")
    filled = re.sub(r"{(\w+)}", lambda name: known.get(name[1], str(uuid4())), place)
    answer = await person.http.request(method, filled, json=BODIES.get(route))
    code = answer.json()["code"] if answer.headers.get("Content-Type", "").endswith("problem+json") else ""
    if code in {"unauthenticated", "forbidden", "step_up_required"}:
        assert answer.status_code == (403 if code == "forbidden" else 401)
        assert "lacking" not in answer.json() or code == "step_up_required" or "admin" in person.email
        return str(code)
    assert answer.status_code < 500, (route, answer.text)
    return "open"


async def signed_in(world: World, email: str) -> Owner:
    person = Owner(world, email, await world.client())
    person.use((await person.register()).json()["tokens"])
    return person


async def id_of(person: Person) -> Any:
    return (await users.found(person.world.auth, person.email)).id


async def grant(person: Owner, name: str, **how: Any) -> Owner:
    await managers.grant(person.world.auth, await id_of(person), name, OPERATOR, **how)
    return person


def test_s060_every_route_has_a_rule(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth(features=features(), token_route=True))
    found = rules(app)
    assert {named(rule) for rule in found if rule.asks == "nothing"} == set()
    assert {named(rule) for rule in found if rule.asks == "public" and rule.path.startswith("/auth")} == PUBLIC
    assert {named(rule) for rule in found if rule.asks == "login"} == WITHIN_A_LOGIN


def test_s059_the_page_is_about_these_routes(make_auth: MakeAuth) -> None:
    app = FastAPI()
    install(app, make_auth(features=features(), token_route=True))
    found = {
        named(rule): Told(
            rule.asks,
            "".join(demand.name for demand in rule.demands if isinstance(demand, Claimed)),
            "".join(str(demand) for demand in rule.demands if not isinstance(demand, Claimed)),
        )
        for rule in rules(app)
        if rule.path.startswith("/auth")
    }
    assert found == documented()


@dataclass(frozen=True)
class Caller:
    """A user who calls every route: their role, permissions, and the proofs that they lack."""

    comes: Callable[[World, str], Awaitable[Person]]
    permissions: frozenset[str] = frozenset()
    is_signed_in: bool = True
    lacks: frozenset[str] = frozenset({FACTOR})

    def answer(self, route: str, told: Told) -> str:
        """What the pages say that they are answered."""
        if told.asks != "session":
            return "open"
        if not self.is_signed_in:
            return "unauthenticated"
        if told.permission and told.permission not in self.permissions:
            return "forbidden"
        return "step_up_required" if ENROLS.get(route, told.proof) in self.lacks else "open"


async def nobody(world: World, email: str) -> Person:
    return await world.person(email)


async def forger(world: World, email: str) -> Person:
    """A client without a session that claims to be a user."""
    person = await world.person(email)
    forged = {"X-User-Id": "1", "X-Forwarded-User": "admin", "X-Role": "admin", "Cookie": "role=admin"}
    person.http.headers.update({"Authorization": "Bearer fams_AAAA", **forged})
    return person


async def suspended(world: World, email: str) -> Person:
    """A suspended administrator."""
    person = await administrator(world, email)
    await users.suspend(world.auth, await id_of(person), OPERATOR)
    return person


async def half(world: World, email: str) -> Person:
    """An administrator with an authenticator, who has given the password alone: a login under way."""
    person = await grant(await strong(world, email), "admin")
    person.http.headers["Authorization"] = f"Bearer {await person.first()}"
    return person


async def strong(world: World, email: str) -> Owner:
    """A user who has signed in with two factors."""
    person = await signed_in(world, email)
    assert (await person.enrol()).status_code == 200
    assert (await person.second(await person.first(), person.code())).json()["session"]["assurance"] == "aal2"
    world.clock.travel(seconds=30)
    return person


async def strong_administrator(world: World, email: str) -> Person:
    return await grant(await strong(world, email), "admin")


async def stale(world: World, email: str) -> Person:
    """An administrator whose proof is older than ten minutes."""
    person = await administrator(world, email)
    world.clock.travel(minutes=11)
    person.use((await person.refresh()).json())
    return person


async def administrator(world: World, email: str) -> Owner:
    return await grant(await signed_in(world, email), "admin")


async def elsewhere(world: World, email: str) -> Person:
    """An administrator of one project alone."""
    return await grant(await signed_in(world, email), "admin", scope="project:1")


async def of_before(world: World, email: str) -> Person:
    """A user who was an administrator until a minute ago."""
    person = await grant(await signed_in(world, email), "admin", expires_at=world.auth.until(timedelta(minutes=1)))
    assert (await person.http.get("/auth/users")).status_code == 200
    world.clock.travel(minutes=1)
    return person


async def deposed(world: World, email: str) -> Person:
    """A user who was an administrator until now."""
    person = await administrator(world, email)
    assert (await person.http.get("/auth/users")).status_code == 200
    await managers.revoke(world.auth, await id_of(person), "admin", OPERATOR)
    return person


def holder(name: str) -> Callable[[World, str], Awaitable[Person]]:
    """A user with a role that has one permission."""

    async def comes(world: World, email: str) -> Person:
        wanted = Definition(name.replace(":", "."), frozenset({name}))
        if wanted.name not in await definitions.every(world.auth):
            await definitions.create(world.auth, wanted, OPERATOR)
        return await grant(await signed_in(world, email), wanted.name)

    return comes


EVERY = frozenset(one.name for one in OWN)
NONE = frozenset[str]()
CALLERS = {
    "nobody": Caller(nobody, is_signed_in=False),
    "forger": Caller(forger, is_signed_in=False),
    "suspended": Caller(suspended, is_signed_in=False),
    "password without the second factor": Caller(half, is_signed_in=False),
    "user": Caller(signed_in),
    "admin": Caller(administrator, EVERY),
    "admin with two factors": Caller(strong_administrator, EVERY, lacks=NONE),
    "admin without a recent proof": Caller(stale, EVERY, lacks=frozenset({PROOF, FACTOR})),
    "admin of one project": Caller(elsewhere),
    "admin until a minute ago": Caller(of_before),
    "admin until now": Caller(deposed),
    **{one.name: Caller(holder(one.name), frozenset({one.name})) for one in OWN},
}


@pytest.mark.parametrize("name", CALLERS)
async def test_s057_s060_s064_everybody_gets_what_is_documented(office: World, name: str) -> None:
    caller, told = CALLERS[name], documented()
    await administrator(office, "founder@example.com")
    other = str(await id_of(await signed_in(office, "bob@example.com")))
    email = f"{'admin' if MANAGES_ROLES in caller.permissions else 'ada'}@example.com"
    person = await caller.comes(office, email)
    answers = {route: await call(person, route, user_id=other) for route in told if route not in ENDS}
    for number, route in enumerate(sorted(ENDS)):
        answers[route] = await call(await caller.comes(office, f"{number}{email}"), route)
    assert answers == {route: caller.answer(route, asked) for route, asked in told.items()}


@pytest.mark.parametrize("name", ["nobody", "suspended", "user", "admin", "admin of one project", *sorted(EVERY)])
async def test_s060_pages_open_to_the_same_people(open_world: OpenWorld, name: str) -> None:
    world = await open_world(features=features(), email_verification=False, hosted=True)
    await administrator(world, "founder@example.com")
    caller, other = CALLERS[name], str(await id_of(await signed_in(world, "eve@example.com")))
    person = await by_browser(await caller.comes(world, "ada@example.com"))
    # Where /auth/admin leads depends on what there is to see: tests/pages.
    pages = [rule for rule in ours(world) if named(rule) not in documented() and rule.path != "/auth/admin"]
    assert len(pages) > 80
    for rule in (rule for rule in pages if rule.asks == "session"):
        wanted = {demand.name for demand in rule.demands if isinstance(demand, Claimed)}
        one = await by_browser(await caller.comes(world, "bob@example.com")) if "sign-out" in rule.path else person
        answer = await one.http.request(rule.method, re.sub(r"{\w+}", other, rule.path))
        if caller.is_signed_in:
            assert (answer.status_code == 403) == (not wanted <= caller.permissions), named(rule)
        else:
            led = answer.headers.get("Location", "").partition("?")[0]
            assert (answer.status_code, led) == (303, "/auth/sign-in"), named(rule)


async def by_browser(person: Person) -> Person:
    """The same person, signed in by a cookie if they can be."""
    person.http.headers.pop("Authorization", None)
    await person.login(transport="cookie")
    return person


async def test_s060_a_login_under_way_opens_no_route_of_a_session(office: World) -> None:
    """Nor as `Authorization: Login`: not even to add another factor or change the password."""
    ada = await half(office, "ada@example.com")
    ada.http.headers["Authorization"] = ada.http.headers["Authorization"].replace("Bearer", "Login")
    passwords = {"current_password": ada.password, "new_password": "eleven purple yaks"}
    for route, told in documented().items():
        if told.asks == "session":
            method, _, place = route.partition(" ")
            body = passwords if place == "/auth/password/change" else None
            answer = await ada.http.request(method, re.sub(r"{\w+}", str(uuid4()), place), json=body)
            assert (answer.status_code, answer.json()["code"]) in LOGIN_REFUSED, route
    assert (await (await office.person(ada.email)).login()).status_code == 200


async def owner(world: World, email: str) -> tuple[Owner, dict[str, str]]:
    """A user with one of each object of their own, and its ids by the names in the routes."""
    person = await strong(world, email)
    begun = (await person.http.post("/auth/otp/devices", json={"name": "Tablet"})).json()
    trusting = await person.second(await person.first(), person.code(), remember_browser=True)
    person.use(trusting.json()["tokens"])
    world.clock.travel(seconds=30)
    [browser] = (await person.http.get("/auth/otp")).json()["trusted_browsers"]
    session = (await person.http.get("/auth/session")).json()["id"]
    return person, {
        "session_id": session,
        "browser_id": browser["id"],
        "device_id": person.device_id,
        "begun": begun["id"],
    }


async def belongings(person: Owner) -> tuple[Any, list[str]]:
    """Their factors and their sessions, without the last use, which is written once a second."""
    sessions = (await person.http.get("/auth/sessions")).json()["items"]
    return (await person.http.get("/auth/otp")).json(), [one["id"] for one in sessions]


THEIRS = [route for route, told in documented().items() if "{" in route and not told.permission]


@pytest.mark.parametrize("route", THEIRS)
async def test_s061_a060_what_is_somebody_elses_is_not_there(office: World, route: str) -> None:
    (ada, ids), (eve, _) = await owner(office, "ada@example.com"), await owner(office, "eve@example.com")
    method, _, place = route.partition(" ")
    if place.endswith("/confirm"):
        ids["device_id"] = ids["begun"]
    before = await belongings(ada)
    body = {"code": "000000"} if place.endswith("/confirm") else None
    answer = await eve.http.request(method, place.format(**ids), json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await belongings(ada) == before
    assert (await ada.http.request(method, place.format(**ids), json=body)).status_code != 404


@pytest.mark.parametrize("field", ["roles", "is_admin", "role", "claims", "permissions", "tenant", "suspended_at"])
async def test_s062_a061_nobody_makes_themselves_more_by_a_field(office: World, field: str) -> None:
    eve = await signed_in(office, "eve@example.com")
    assert (await eve.http.patch("/auth/me", json={field: ["admin"]})).status_code == 422
    body = {"email": "new@example.com", "password": eve.password, field: ["admin"]}
    assert (await eve.http.post("/auth/register", json=body)).status_code == 422
    eve.http.headers.update({"X-Role": "admin", "Cookie": "role=admin"})
    assert (await eve.http.get("/auth/users")).json()["code"] == "forbidden"


async def test_s059_the_document_says_what_each_operation_wants(office: World) -> None:
    project = path("project_id", "project:")
    either = any_of(role("admin"), permission("posts:publish", scope=project))

    @office.app.get("/projects/{project_id}", dependencies=[needs(permission("posts:publish", scope=project))])
    async def one(project_id: int) -> None:
        """Shows a project."""

    @office.app.get("/posts/{project_id}", dependencies=[needs(either, second_factor())])
    async def posts(project_id: int) -> None: ...

    paths = office.app.openapi()["paths"]
    assert paths["/projects/{project_id}"]["get"]["x-needs"] == ["permission posts:publish in project:{project_id}"]
    assert paths["/projects/{project_id}"]["get"]["description"] == (
        "Shows a project.\n\nNeeds: permission posts:publish in project:{project_id}."
    )
    assert paths["/posts/{project_id}"]["get"]["x-needs"] == [
        "(role admin or permission posts:publish in project:{project_id})",
        "second factor",
    ]
    for route, told in documented().items():
        method, _, place = route.partition(" ")
        operation = paths[place][method.lower()]
        wanted = [*([f"permission {told.permission}"] if told.permission else []), *filter(None, [told.proof])]
        assert operation.get("x-needs", []) == wanted, route
        if wanted:
            assert operation["description"].endswith(f"Needs: {', '.join(wanted)}."), route
