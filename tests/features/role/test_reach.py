"""No actor acts on a user, or grants and revokes a role, beyond their own rights: over JSON, on pages, in managers."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from fam_auth.exceptions import Forbidden, Unauthenticated
from fam_auth.features.otp import Otp
from fam_auth.features.otp import managers as otp
from fam_auth.features.password import Password, changes
from fam_auth.features.role import Permission, Role, definitions, managers, rights
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.settings import ADMIN, OWN
from fam_auth.http.access_rules import Rule, rules
from fam_auth.repository.data_access.managers import exports, purge, users
from fam_auth.values import Actor, Client
from tests.support.people import OPERATOR, PASSWORD, Person, World
from tests.support.tables import dump

# Who may act on whom is decided before the SQL, which other tests of roles run on both engines.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
EVERY = frozenset(one.name for one in OWN)
FEATURES = (Permission("posts:publish"), Permission("posts:burn"))
CODE = {"editor": ["posts:publish"], "owner": [], "chief": ["owner", "posts:publish"]}
# What a deed sends, by the end of its path.
BODIES: dict[str, dict[str, Any]] = {
    "/otp/remove": {"reason": "passport seen"},
    "/second-factors/remove": {"reason": "passport seen"},
    "/delete": {"understood": "yes"},
    "/roles/grant": {"role": "editor", "scope": "project:1"},
    "/roles/revoke": {"role": "editor"},
}
ONE, PAGE = "/auth/users/{user_id}", "/auth/admin/users/{user_id}"
# The deed of an administrator over JSON, and the form of the pages that does the same; empty: no page does it.
WAYS = {
    f"PATCH {ONE}": "",
    f"GET {ONE}/export": "",
    f"DELETE {ONE}": f"POST {PAGE}/delete",
    f"POST {ONE}/suspend": f"POST {PAGE}/suspend",
    f"POST {ONE}/restore": f"POST {PAGE}/restore",
    f"DELETE {ONE}/sessions": f"POST {PAGE}/sessions/end",
    f"POST {ONE}/password/compromised": f"POST {PAGE}/password/compromised",
    f"POST {ONE}/otp/remove": f"POST {PAGE}/second-factors/remove",
    f"PUT {ONE}/roles/{{name}}": f"POST {PAGE}/roles/grant",
    f"DELETE {ONE}/roles/{{name}}": f"POST {PAGE}/roles/revoke",
    "POST /auth/users/invite": "POST /auth/admin/invite",
    "POST /auth/roles": "POST /auth/admin/roles/create",
    "PATCH /auth/roles/{name}": "POST /auth/admin/roles/toggle",
    "DELETE /auth/roles/{name}": "POST /auth/admin/roles/delete",
}
# Those that need no proof of the last ten minutes.
AT_ANY_TIME = {f"PATCH {ONE}", f"POST {ONE}/restore", "POST /auth/users/invite"}


@dataclass
class Clerk:
    """An administrator, signed in by a program and by a browser."""

    program: Person
    browser: httpx2.AsyncClient

    async def does(self, rule: Rule, user_id: UUID) -> httpx2.Response:
        """Does it to a user, as a program or as the form of a page."""
        path = rule.path.replace("{user_id}", str(user_id)).replace("{name}", "editor")
        body = next((body for end, body in BODIES.items() if path.endswith(end)), {})
        if "/admin/" in path:
            return await self.browser.request(rule.method, path, data=body)
        return await self.program.http.request(rule.method, path, json=None if rule.method == "GET" else body)


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    world = await open_world(
        features=[Password(), Otp(), Role(permissions=FEATURES, roles=CODE)], email_verification=False, hosted=True
    )
    await definitions.sync(world.auth)
    return world


def named(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def deeds(world: World) -> Iterator[Rule]:
    """Every route and every form that does something to a user; those that end the account come last."""
    found = [
        rule
        for rule in rules(world.app)
        if "{user_id}" in rule.path and (rule.method not in {"GET", "HEAD"} or rule.path.endswith("/export"))
    ]
    return iter(found)


async def clerk(world: World, *permissions: str, email: str = "eve@example.com", roles: tuple[str, ...] = ()) -> Clerk:
    """A user who is signed in twice, with a role with these permissions and further roles."""
    person = await world.person(email)
    person.use((await person.register()).json()["tokens"])
    user_id = (await users.found(world.auth, email)).id
    own = Definition(f"r{uuid4().hex[:8]}", frozenset(permissions))
    await definitions.create(world.auth, own, OPERATOR)
    for name in (own.name, *roles):
        await managers.grant(world.auth, user_id, name, OPERATOR)
    browser = await world.client()
    await browser.post("/auth/login", json={"email": email, "password": PASSWORD, "transport": "cookie"})
    # From here on their sessions have the claims of these roles.
    assert [(await one.get("/auth/me")).status_code for one in (person.http, browser)] == [200, 200]
    return Clerk(person, browser)


async def holder(world: World, *roles: str, scope: str = "") -> UUID:
    """A user with these roles."""
    user = await users.create(world.auth, f"{uuid4().hex}@example.com", verified=True)
    for name in roles:
        await managers.grant(world.auth, user.id, name, OPERATOR, scope=scope)
    return user.id


async def actor_of(world: World, some: Clerk) -> Actor:
    return Actor(Client(address="192.0.2.9"), (await users.found(world.auth, some.program.email)).id)


async def test_s060_an_actor_cannot_act_on_a_user_with_more_rights(office: World) -> None:
    """On no route and by no form, and nothing changes; an actor with the same rights can do each of them."""
    eve = await clerk(office, *EVERY)
    grace = await clerk(office, *EVERY, "posts:publish", email="grace@example.com")
    editor = await holder(office, "editor")
    found = list(deeds(office))
    pages = {page for page in WAYS.values() if "{user_id}" in page}
    assert {named(rule) for rule in found} == {way for way in WAYS if "{user_id}" in way} | pages
    before = await dump(office)
    for rule in found:
        answer = await eve.does(rule, editor)
        assert answer.status_code == 403, named(rule)
        assert "posts:publish" not in answer.text or "roles" in rule.path
    assert await dump(office) == before
    for rule in found:
        answer = await grace.does(rule, await holder(office, "editor"))
        assert answer.status_code in {200, 204, 303}, (named(rule), answer.text)


async def test_s060_the_managers_refuse_it_themselves(office: World) -> None:
    """Whatever a route forgets: each manager checks before it touches the user."""
    auth, editor = office.auth, await users.get(office.auth, await holder(office, "editor"))
    eve = await actor_of(office, await clerk(office, *EVERY))
    before = await dump(office)
    for deed in (
        lambda: users.suspend(auth, editor.id, eve),
        lambda: users.restore(auth, editor.id, eve),
        lambda: users.rename(auth, editor.id, {"name": "Somebody"}, eve),
        lambda: users.remove(auth, editor.id, eve),
        lambda: users.sign_out(auth, editor.id, eve),
        lambda: exports.of_user(auth, editor.id, eve),
        lambda: changes.compromise(auth, editor, eve),
        lambda: otp.remove_all(auth, editor, "passport seen", eve),
    ):
        with pytest.raises(Forbidden, match="user_beyond_reach"):
            await deed()
    assert await dump(office) == before
    await users.suspend(auth, editor.id, OPERATOR)


async def test_an_action_requires_the_same_over_json_and_on_the_pages(office: World) -> None:
    found = {named(rule): {str(demand) for demand in rule.demands} for rule in rules(office.app)}
    administrative = {
        name for name in found if re.match(r"(POST|PUT|PATCH|DELETE) /auth/(admin/)?(users|roles|invite)", name)
    }
    assert administrative == ({*WAYS, *WAYS.values()} - {"", f"GET {ONE}/export"})
    for way, page in WAYS.items():
        assert ("proof within 10 min" in found[way]) == (way not in AT_ANY_TIME), way
        if page:
            # A page also shows the user, before and after.
            assert found[page] - {"permission users:read"} == found[way] - {"permission users:read"}, way


async def test_s060_a_stale_session_must_step_up_over_json(office: World) -> None:
    grace = await clerk(office, *EVERY, email="grace@example.com")
    bob = await holder(office)
    office.clock.travel(minutes=11)
    grace.program.use((await grace.program.refresh()).json())
    before = await dump(office)
    for way in WAYS.keys() - AT_ANY_TIME:
        method, _, path = way.partition(" ")
        answer = await grace.does(Rule(method, path, "session"), bob)
        assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required"), way
    assert await dump(office) == before


@pytest.mark.parametrize(
    ("theirs", "scope", "own", "reaches"),
    [
        ("editor", "", {"": ["editor"]}, True),
        ("editor", "project:1", {"": ["editor"]}, True),
        ("editor", "project:1", {"project:1": ["editor"]}, True),
        ("editor", "project:1", {"project:2": ["editor"]}, False),
        ("editor", "", {"project:1": ["editor"]}, False),
        ("editor", "", {"": ["chief"]}, True),
        ("owner", "", {"": ["editor"]}, False),
        ("owner", "", {"": ["owner"]}, True),
        ("owner", "", {"": ["chief"]}, True),
        ("owner", "", {"": [ADMIN]}, True),
        ("owner", "project:1", {"project:1": ["owner"]}, True),
        ("owner", "", {"project:1": [ADMIN]}, False),
        ("chief", "", {"": ["editor"]}, False),
        ("chief", "", {"": ["editor", "owner"]}, True),
        ("editor", "", {"": [ADMIN]}, False),
        (ADMIN, "", {"": [ADMIN]}, True),
        (ADMIN, "project:1", {}, False),
    ],
)
async def test_the_users_that_an_actor_can_act_on(
    office: World, theirs: str, scope: str, own: dict[str, list[str]], reaches: bool
) -> None:
    eve = await actor_of(office, await clerk(office, "users:manage"))
    assert eve.user_id is not None
    for where, names in own.items():
        for name in names:
            await managers.grant(office.auth, eve.user_id, name, OPERATOR, scope=where)
    bob = await holder(office, theirs, scope=scope)
    if reaches:
        await users.restore(office.auth, bob, eve)
    else:
        with pytest.raises(Forbidden, match="user_beyond_reach"):
            await users.restore(office.auth, bob, eve)


async def test_a_temporary_role_still_allows_acting_on_others(office: World) -> None:
    """Whether the administrator has it now is what counts."""
    eve = await actor_of(office, await clerk(office, "users:manage"))
    assert eve.user_id is not None
    bob, end = await holder(office, "editor"), office.clock() + timedelta(minutes=1)
    await managers.grant(office.auth, eve.user_id, "editor", OPERATOR, expires_at=end)
    await users.restore(office.auth, bob, eve)
    office.clock.travel(minutes=1)
    with pytest.raises(Forbidden, match="user_beyond_reach"):
        await users.restore(office.auth, bob, eve)


async def test_users_can_act_on_themselves(office: World) -> None:
    """Whatever their rights; but the last administrator stays."""
    grace = await clerk(office, email="grace@example.com", roles=(ADMIN,))
    own = f"/auth/users/{(await users.found(office.auth, grace.program.email)).id}"
    for method, path in (("DELETE", "/auth/me"), ("DELETE", own), ("POST", f"{own}/suspend")):
        answer = await grace.program.http.request(method, path)
        assert (answer.status_code, "last administrator" in answer.text) == (403, True)
    for path in ("/auth/me/export", f"{own}/export"):
        assert (await grace.program.http.get(path)).status_code == 200
    await holder(office, ADMIN)
    assert (await grace.program.http.delete("/auth/me")).status_code == 204


async def test_a_user_manager_cannot_act_on_an_administrator(office: World) -> None:
    """They cannot change the factors or the password of an administrator, nor revoke the role."""
    eve = await clerk(office, "users:manage", "users:read", "roles:manage")
    chief = await holder(office, ADMIN)
    await holder(office, ADMIN)
    for method, path, body in (
        ("POST", "/otp/remove", {"reason": "passport seen"}),
        ("POST", "/password/compromised", None),
        ("DELETE", f"/roles/{ADMIN}", None),
        ("DELETE", "", None),
    ):
        answer = await eve.program.http.request(method, f"/auth/users/{chief}{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert len(await managers.in_force(office.auth, chief)) == 1


async def test_an_empty_role_requires_the_role_itself_to_grant_it(office: World) -> None:
    """Routes may require an empty role by `role(...)`: without having it, no actor grants, includes or fills it."""
    eve = await clerk(office, "roles:manage", "posts:publish")
    own = f"/auth/users/{(await users.found(office.auth, eve.program.email)).id}/roles"
    for method, path, body in (
        ("PUT", f"{own}/owner", None),
        ("PUT", f"{own}/chief", None),
        ("POST", "/auth/roles", {"name": "mine", "includes": ["owner"]}),
        ("POST", "/auth/roles", {"name": "mine", "includes": ["chief"]}),
        ("PATCH", "/auth/roles/editor", {"includes": ["owner"]}),
        # With a permission of theirs it would be theirs to give.
        ("PATCH", "/auth/roles/owner", {"permissions": ["posts:publish"]}),
        ("PATCH", "/auth/roles/chief", {"includes": []}),
        ("DELETE", "/auth/roles/owner", None),
    ):
        answer = await eve.program.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["lacking"]) == (403, {"roles": ["owner"]}), (method, path)
    assert (await eve.program.http.put(f"{own}/editor")).status_code == 200
    assert (await eve.program.http.patch("/auth/roles/owner", json={"description": "Owns."})).status_code == 200
    await managers.grant(office.auth, (await actor_of(office, eve)).user_id or uuid4(), "owner", OPERATOR)
    assert (await eve.program.http.put(f"{own}/chief")).status_code == 200
    assert (await eve.program.http.post("/auth/roles", json={"name": "mine", "includes": ["owner"]})).status_code == 201


async def test_an_actor_cannot_remove_a_permission_that_they_lack(office: World) -> None:
    """Or they would reach those who had it, or make a role small enough to grant it to themselves."""
    await definitions.create(office.auth, Definition("fire", frozenset({"posts:burn", "posts:publish"})), OPERATOR)
    eve, bob = await clerk(office, "roles:manage", "posts:publish"), await holder(office, "fire")
    for method, path, body in (
        ("PATCH", "/auth/roles/fire", {"permissions": ["posts:publish"]}),
        ("DELETE", "/auth/roles/fire", None),
        ("DELETE", f"/auth/users/{bob}/roles/fire", None),
    ):
        answer = await eve.program.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["lacking"]) == (403, {"permissions": ["posts:burn"]}), (method, path)
    less = {"permissions": ["posts:burn"]}
    assert (await eve.program.http.patch("/auth/roles/fire", json=less)).status_code == 200


async def test_a_role_of_ones_own_making_is_filled_and_given(office: World) -> None:
    """As on the pages: a role is created empty, then filled. Once a user has it, its name counts as a right."""
    eve, bob = await clerk(office, "roles:manage", "posts:publish"), await holder(office)
    filled = {"permissions": ["posts:publish"]}
    for name in ("first", "second"):
        assert (await eve.program.http.post("/auth/roles", json={"name": name})).status_code == 201
    refused = await eve.program.http.put(f"/auth/users/{bob}/roles/first")
    assert (refused.status_code, refused.json()["lacking"]) == (403, {"roles": ["first"]})
    assert (await eve.program.http.patch("/auth/roles/first", json=filled)).status_code == 200
    assert (await eve.program.http.put(f"/auth/users/{bob}/roles/first")).status_code == 200
    await managers.grant(office.auth, bob, "second", OPERATOR)
    assert (await eve.program.http.patch("/auth/roles/second", json=filled)).status_code == 403
    including = Definition("third", includes=frozenset({"fourth"}))
    await definitions.create(office.auth, Definition("fourth"), OPERATOR)
    await definitions.create(office.auth, including, OPERATOR)
    assert (await eve.program.http.patch("/auth/roles/fourth", json=filled)).status_code == 403


async def test_filling_a_role_removes_no_name_from_one_that_includes_it(open_world: OpenWorld) -> None:
    """A role without permissions counts by its name, unless it includes one with a permission."""
    nested = Role(permissions=FEATURES, roles={"member": [], "owner": ["member"]})
    world = await open_world(features=[Password(), Otp(), nested], email_verification=False)
    await definitions.sync(world.auth)
    eve = await clerk(world, "roles:manage", roles=("member",))
    answer = await eve.program.http.patch("/auth/roles/member", json={"permissions": ["roles:manage"]})
    assert (answer.status_code, answer.json()["lacking"]) == (403, {"roles": ["owner"]})


async def test_users_cannot_create_a_role_that_the_code_declares(open_world: OpenWorld) -> None:
    """It is not in the database before `fam-auth roles sync`, which would give its creator the permissions."""
    world = await open_world(
        features=[Password(), Otp(), Role(permissions=FEATURES, roles=CODE)], email_verification=False
    )
    eve = await clerk(world, "roles:manage")
    taken = await eve.program.http.post("/auth/roles", json={"name": "owner", "permissions": ["roles:manage"]})
    assert (taken.status_code, taken.json()["errors"][0]["code"]) == (422, "taken")


async def test_an_actor_who_is_signed_out_while_waiting_grants_nothing(office: World) -> None:
    """Their request was let in, and their session has ended since."""
    eve, bob = await clerk(office, "roles:manage", "posts:publish"), await holder(office)
    session_id = UUID((await eve.program.http.get("/auth/session")).json()["id"])
    actor = replace(await actor_of(office, eve), session_id=session_id)
    await managers.grant(office.auth, bob, "editor", actor, scope="project:1")
    assert (await eve.program.http.post("/auth/logout")).status_code == 204
    with pytest.raises(Unauthenticated):
        await managers.grant(office.auth, bob, "editor", actor)
    with pytest.raises(Unauthenticated):
        await managers.revoke(office.auth, bob, "editor", actor, scope="project:1")
    with pytest.raises(Unauthenticated):
        await definitions.create(office.auth, Definition("mine"), actor)


async def test_admin_for_everything_gives_any_name_and_no_other_permission(office: World) -> None:
    grace, bob = await clerk(office, email="grace@example.com", roles=(ADMIN,)), await holder(office)
    assert (await grace.program.http.put(f"/auth/users/{bob}/roles/owner")).status_code == 200
    assert (await grace.program.http.post("/auth/roles", json={"name": "new"})).status_code == 201
    assert (await grace.program.http.put(f"/auth/users/{bob}/roles/new")).status_code == 200
    assert (await grace.program.http.delete(f"/auth/users/{bob}/roles/owner")).status_code == 204
    refused = await grace.program.http.put(f"/auth/users/{bob}/roles/editor")
    assert refused.json()["lacking"] == {"permissions": ["posts:publish"]}
    # Who is admin until tomorrow gives nothing for good.
    until = office.clock() + timedelta(days=1)
    carol = await clerk(office, "roles:manage", email="carol@example.com")
    carol_id = (await actor_of(office, carol)).user_id
    assert carol_id is not None
    await managers.grant(office.auth, carol_id, ADMIN, OPERATOR, expires_at=until)
    assert (await carol.program.http.put(f"/auth/users/{bob}/roles/owner")).status_code == 403
    ending = {"expires_at": until.isoformat()}
    assert (await carol.program.http.put(f"/auth/users/{bob}/roles/owner", json=ending)).status_code == 200


async def test_the_command_line_can_grant_and_revoke_everything(office: World) -> None:
    bob = await holder(office, "chief")
    await definitions.change(office.auth, "owner", lambda role: replace(role, description="Owns."), OPERATOR)
    await managers.revoke(office.auth, bob, "chief", OPERATOR)
    await users.sign_out(office.auth, bob, OPERATOR)


async def test_an_unverified_administrator_does_not_count_as_the_last_one(open_world: OpenWorld) -> None:
    """They cannot sign in, and the purge takes them: the last administrator who can sign in stays."""
    world = await open_world(features=[Password(), Role()])
    await definitions.sync(world.auth)
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.login()
    await managers.grant(world.auth, (await users.found(world.auth, ada.email)).id, ADMIN, OPERATOR)
    invited = (await ada.http.post("/auth/users/invite", json={"email": "bob@example.com"})).json()["id"]
    assert (await ada.http.put(f"/auth/users/{invited}/roles/admin")).status_code == 200
    assert (await ada.http.delete("/auth/me")).json()["code"] == "forbidden"
    world.clock.travel(days=8)
    assert (await purge.purge(world.auth))["users"] == 1
    assert await rights.has_administrator(world.auth)


async def test_no_mail_reveals_the_address_of_an_administrator(office: World) -> None:
    """The owner of the account is notified of what was done, with an address only if they did it themselves."""
    eve = await actor_of(office, await clerk(office, *EVERY))
    bob, carl = [await users.get(office.auth, await holder(office)) for _ in range(2)]
    await otp.remove_all(office.auth, bob, "passport seen", eve)
    await changes.compromise(office.auth, bob, eve)
    await users.remove(office.auth, bob.id, eve)
    assert [mail.kind for mail in await office.mails(bob.email) if "192.0.2.9" in mail.text + mail.html] == []
    await users.remove(office.auth, carl.id, replace(eve, user_id=carl.id))
    assert "192.0.2.9" in (await office.mails(carl.email, "account_deleted"))[0].text
