"""Roles and grants, over HTTP and in a host."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Column, MetaData, String, Table, literal, select

from fam_auth import install, needs
from fam_auth.exceptions import Forbidden, InvalidRequest, Misconfigured, NotFound
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, all_of, any_of, definitions, managers, path, permission, role
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.settings import OWN
from fam_auth.http.access_rules import ready
from fam_auth.install import running
from fam_auth.repository.data_access.managers import events, sessions, users
from fam_auth.values import EventFilter
from tests.conftest import MakeAuth
from tests.support.owners import Owner
from tests.support.people import OPERATOR, Person, World

OpenWorld = Callable[..., Awaitable[World]]
DECLARED = Role(
    permissions=[Permission("posts:publish", "Publish posts."), Permission("posts:read")],
    roles={"editor": ["posts:publish", "reader"], "reader": ["posts:read"], "admin": ["editor"]},
)


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    """An application with roles, and routes that ask for them."""
    world = await open_world(features=[Password(), DECLARED], email_verification=False)
    await definitions.sync(world.auth)
    routes = APIRouter()
    project = path("project_id", "project:")

    @routes.get("/posts", dependencies=[needs(permission("posts:read"))])
    async def read() -> str:
        return "read"

    @routes.get("/editors", dependencies=[needs(role("editor"))])
    async def edit() -> str:
        return "edited"

    @routes.get("/projects/{project_id}", dependencies=[needs(permission("posts:publish", scope=project))])
    async def publish(project_id: int) -> int:
        return project_id

    @routes.get("/either", dependencies=[needs(any_of(role("admin"), all_of(role("reader"), role("editor"))))])
    async def either() -> str:
        return "either"

    world.app.include_router(routes)
    return world


async def somebody(world: World, email: str, *roles: str) -> Person:
    """A signed-in user with these roles."""
    person = await world.person(email)
    person.use((await person.register()).json()["tokens"])
    for name in roles:
        await managers.grant(world.auth, await id_of(person), name, OPERATOR)
    return person


async def id_of(person: Person) -> Any:
    return (await users.found(person.world.auth, person.email)).id


async def statuses(person: Person, *paths: str) -> list[int]:
    return [(await person.http.get(one)).status_code for one in paths]


async def test_s064_a_role_counts_at_once_and_is_gone_at_once(office: World) -> None:
    ada = await somebody(office, "ada@example.com")
    paths = ("/posts", "/editors", "/projects/42", "/either")
    assert await statuses(ada, *paths) == [403] * 4
    await managers.grant(office.auth, await id_of(ada), "editor", OPERATOR)
    assert await statuses(ada, *paths) == [200] * 4
    claims = (await ada.http.get("/auth/session")).json()["claims"]
    assert claims == {"roles": ["editor", "reader"], "permissions": ["posts:publish", "posts:read"]}
    await managers.revoke(office.auth, await id_of(ada), "editor", OPERATOR)
    assert await statuses(ada, *paths) == [403] * 4
    await managers.grant(office.auth, await id_of(ada), "admin", OPERATOR)
    assert await statuses(ada, *paths) == [200] * 4


async def test_a_grant_holds_in_its_scope_only(office: World) -> None:
    ada = await somebody(office, "ada@example.com")
    await managers.grant(office.auth, await id_of(ada), "editor", OPERATOR, scope="project:42")
    assert await statuses(ada, "/projects/42", "/projects/4", "/posts", "/editors") == [200, 403, 403, 403]
    claims = (await ada.http.get("/auth/session")).json()["claims"]
    held = {"roles": ["editor", "reader"], "permissions": ["posts:publish", "posts:read"]}
    assert claims == {"roles": [], "permissions": [], "scopes": {"project:42": held}}


async def test_a_grant_holds_until_it_expires(office: World) -> None:
    ada = await somebody(office, "ada@example.com")
    end = office.clock() + timedelta(minutes=3)
    await managers.grant(office.auth, await id_of(ada), "reader", OPERATOR, expires_at=end)
    assert await statuses(ada, "/posts") == [200]
    office.clock.travel(minutes=3)
    assert await statuses(ada, "/posts") == [403]
    assert (await ada.http.get("/auth/session")).json()["claims"] == {"roles": [], "permissions": []}


async def test_outside_of_routes_and_in_sql(office: World) -> None:
    feature, person = office.auth.of(Role), await somebody(office, "ada@example.com", "reader")
    ada = await users.found(office.auth, person.email)
    for number in (1, 3):
        await managers.grant(office.auth, ada.id, "editor", OPERATOR, scope=f"project:{number}")
    assert await feature.allowed(ada, "posts:read")
    assert await feature.allowed(ada, "posts:read", scope="project:9")
    assert not await feature.allowed(ada, "posts:publish")
    assert await feature.allowed(ada, "posts:publish", scope="project:3")
    assert not await feature.allowed(ada, "posts:publish", scope="project:9")
    rows = await office.auth.database.rows(feature.scopes(ada, "posts:publish"))
    assert {row.scope for row in rows} == {"project:1", "project:3"}
    projects = Table("project", MetaData(), Column("id", String(), primary_key=True))
    async with office.auth.transaction() as db:
        connection = await db.connection()
        await connection.run_sync(projects.create)
        await db.execute(projects.insert().values([{"id": str(number)} for number in range(5)]))
        mine = feature.permits(ada, "posts:publish", literal("project:") + projects.c.id)
        assert {row.id for row in await db.execute(select(projects.c.id).where(mine))} == {"1", "3"}


async def test_missing_rights_are_named_only_to_role_managers(office: World) -> None:
    ada = await somebody(office, "ada@example.com")
    assert "lacking" not in (await ada.http.get("/posts")).json()
    await definitions.change(office.auth, "admin", lambda one: one.__class__("admin", one.permissions), OPERATOR)
    await managers.grant(office.auth, await id_of(ada), "admin", OPERATOR)
    refused = (await ada.http.get("/projects/4")).json()
    assert refused["lacking"] == {"permission": "posts:publish", "scope": "project:4"}
    assert (await ada.http.get("/editors")).json()["lacking"] == {"role": "editor"}


async def test_the_routes_of_roles(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    first = (await admin.http.get("/auth/roles", params={"limit": 2})).json()
    rest = (await admin.http.get("/auth/roles", params={"after": first["next"]})).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["admin", "editor", "reader"]
    assert rest["next"] is None
    body = {"name": "support", "permissions": ["users:read"], "includes": ["reader"], "description": "Helps."}
    made = await admin.http.post("/auth/roles", json=body)
    assert made.status_code == 201
    assert (await admin.http.get("/auth/roles/support")).json() == made.json() == {**body, "in_code": False}
    changed = await admin.http.patch("/auth/roles/support", json={"permissions": ["events:read"], "description": None})
    assert changed.json() == {**body, "permissions": ["events:read"], "description": None, "in_code": False}
    assert (await admin.http.delete("/auth/roles/support")).status_code == 204
    assert (await admin.http.get("/auth/roles/support")).json()["code"] == "not_found"
    permissions = (await admin.http.get("/auth/permissions")).json()["items"]
    assert {"name": "posts:publish", "description": "Publish posts."} in permissions


async def test_the_routes_of_grants(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    ada = await somebody(office, "ada@example.com")
    place = f"/auth/users/{await id_of(ada)}/roles"
    assert (await admin.http.get(f"{place}/editor")).json()["code"] == "not_found"
    made = (await admin.http.put(f"{place}/editor")).json()
    assert (made["scope"], made["expires_at"], made["granted_by"]) == (None, None, str(await id_of(admin)))
    assert (await admin.http.put(f"{place}/editor", json={})).json() == made
    end = (office.clock() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    timed = (await admin.http.put(f"{place}/editor", json={"expires_at": end})).json()
    assert timed["id"] != made["id"]
    assert (await admin.http.get(f"{place}/editor")).json() == timed
    scoped = (await admin.http.put(f"{place}/reader", params={"scope": "project:1"})).json()
    assert (await admin.http.delete(f"{place}/editor")).status_code == 204
    assert (await admin.http.delete(f"{place}/editor")).json()["code"] == "not_found"
    history = (await admin.http.get(place, params={"limit": 2})).json()
    assert [one["id"] for one in history["items"]] == [scoped["id"], timed["id"]]
    [oldest] = (await admin.http.get(place, params={"after": history["next"]})).json()["items"]
    assert (oldest["id"], oldest["revoked_at"] is not None) == (made["id"], True)
    past = await admin.http.put(f"{place}/editor", json={"expires_at": "2020-01-01T00:00:00Z"})
    assert past.json()["errors"][0]["code"] == "passed"
    for nothing in (f"{place}/nothing", f"{place.replace(str(await id_of(ada)), str(office.auth.new_id()))}/reader"):
        assert (await admin.http.put(nothing)).json()["code"] == "not_found"


async def test_a_role_name_can_be_created_once(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    assert (await admin.http.post("/auth/roles", json={"name": "new"})).status_code == 201
    again = await admin.http.post("/auth/roles", json={"name": "new"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "taken")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "Editor!"}, "invalid_name"),
        ({"name": "editor"}, "taken"),
        ({"name": "new", "permissions": ["posts:burn"]}, "unknown_permission"),
        ({"name": "new", "permissions": ["x" * 100]}, "unknown_permission"),
        ({"name": "new", "includes": ["nothing"]}, "unknown_role"),
        ({"name": "new", "includes": ["new"]}, "circle"),
    ],
)
async def test_invalid_roles_are_refused(office: World, body: dict[str, Any], code: str) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    answer = await admin.http.post("/auth/roles", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert "x" * 100 not in answer.text


async def test_a_name_that_was_given_to_a_role_is_taken(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    assert (await admin.http.post("/auth/roles", json={"name": "new"})).status_code == 201
    again = await admin.http.post("/auth/roles", json={"name": "new", "permissions": ["users:read"]})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "taken")
    assert (await admin.http.get("/auth/roles/new")).json()["permissions"] == []


async def test_a_permission_that_the_code_gave_up_stops_no_change(office: World, make_auth: MakeAuth) -> None:
    mine = Definition("mine", frozenset({"posts:read", "users:read"}))
    await definitions.create(office.auth, mine, OPERATOR)
    less = make_auth(features=[Password(), Role()])
    told = await definitions.change(less, "mine", lambda one: replace(one, description="Mine."), OPERATOR)
    assert told.permissions == mine.permissions
    await definitions.change(less, "mine", lambda one: replace(one, permissions=frozenset({"users:read"})), OPERATOR)
    with pytest.raises(InvalidRequest):
        await definitions.change(less, "mine", lambda one: replace(one, permissions=mine.permissions), OPERATOR)
    await less.close()


async def test_no_role_includes_itself(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    answer = await admin.http.patch("/auth/roles/reader", json={"includes": ["editor"]})
    assert answer.json()["errors"][0]["code"] == "circle"


async def test_an_actor_cannot_grant_rights_that_they_lack(office: World) -> None:
    clerk_role = {"name": "clerk", "permissions": ["roles:manage", "users:read"]}
    admin = await somebody(office, "admin@example.com", "admin")
    await admin.http.post("/auth/roles", json=clerk_role)
    clerk = await somebody(office, "clerk@example.com", "clerk")
    own = f"/auth/users/{await id_of(clerk)}/roles"
    refused = await clerk.http.put(f"{own}/reader")
    assert (refused.status_code, refused.json()["lacking"]) == (403, {"permissions": ["posts:read"]})
    for method, where, body in (
        ("PUT", f"{own}/admin", None),
        ("POST", "/auth/roles", {"name": "mine", "permissions": ["events:read"]}),
        ("POST", "/auth/roles", {"name": "mine", "includes": ["admin"]}),
        ("PATCH", "/auth/roles/clerk", {"permissions": ["roles:manage", "users:manage"]}),
    ):
        assert (await clerk.http.request(method, where, json=body)).json()["code"] == "forbidden"
    assert (await clerk.http.patch("/auth/roles/clerk", json={"permissions": ["roles:manage"]})).status_code == 200
    await managers.grant(office.auth, await id_of(clerk), "reader", OPERATOR, scope="project:1")
    assert (await clerk.http.put(f"{own}/reader", params={"scope": "project:1"})).status_code == 200


async def test_an_actor_cannot_grant_for_longer_than_their_own_grant(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    await admin.http.post("/auth/roles", json={"name": "clerk", "permissions": ["roles:manage", "users:read"]})
    await admin.http.post("/auth/roles", json={"name": "other"})
    clerk, bob = await somebody(office, "clerk@example.com"), await somebody(office, "bob@example.com")
    end = office.clock() + timedelta(minutes=3)
    await managers.grant(office.auth, await id_of(clerk), "clerk", OPERATOR, expires_at=end)
    lacking = {"permissions": ["roles:manage", "users:read"]}
    later = {"expires_at": (end + timedelta(seconds=1)).isoformat()}
    for person in (clerk, bob):
        for body in (None, later):
            refused = await clerk.http.put(f"/auth/users/{await id_of(person)}/roles/clerk", json=body)
            assert (refused.status_code, refused.json()["lacking"]) == (403, lacking)
    made = await clerk.http.post("/auth/roles", json={"name": "mine", "permissions": ["users:read"]})
    changed = await clerk.http.patch("/auth/roles/other", json={"includes": ["clerk"]})
    assert [refused.json()["code"] for refused in (made, changed)] == ["forbidden"] * 2
    until_then = {"expires_at": end.isoformat()}
    place = f"/auth/users/{await id_of(bob)}/roles/clerk"
    assert (await clerk.http.put(place, json=until_then)).status_code == 200
    office.clock.travel(minutes=3)
    for person in (clerk, bob):
        assert (await person.http.get("/auth/roles")).json()["code"] == "forbidden"


async def test_an_expired_grant_is_not_revoked_again(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    ada = await somebody(office, "ada@example.com")
    end = office.clock() + timedelta(minutes=1)
    await managers.grant(office.auth, await id_of(ada), "reader", OPERATOR, expires_at=end)
    office.clock.travel(minutes=2)
    place = f"/auth/users/{await id_of(ada)}/roles"
    assert (await admin.http.delete(f"{place}/reader")).json()["code"] == "not_found"
    [over] = (await admin.http.get(place)).json()["items"]
    assert over["revoked_at"] is None
    assert "role.revoked" not in (await ada.http.get("/auth/events")).text
    assert (await admin.http.put(f"{place}/reader")).status_code == 200
    assert await statuses(ada, "/posts") == [200]
    assert len((await admin.http.get(place)).json()["items"]) == 2


async def test_a_role_changes_for_everybody_who_has_it(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    ada, bob = await somebody(office, "ada@example.com", "reader"), await somebody(office, "bob@example.com", "editor")
    assert await statuses(ada, "/posts") == [200]
    assert (await admin.http.patch("/auth/roles/reader", json={"permissions": []})).status_code == 200
    assert await statuses(ada, "/posts") == [403]
    assert await statuses(bob, "/posts") == [403]
    assert (await admin.http.delete("/auth/roles/reader")).status_code == 204
    assert (await ada.http.get("/auth/session")).json()["claims"]["roles"] == []
    assert (await bob.http.get("/auth/session")).json()["claims"]["roles"] == ["editor"]


async def test_the_last_administrator_cannot_leave(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    own = f"/auth/users/{await id_of(admin)}"
    end = (office.clock() + timedelta(days=1)).isoformat()
    for method, where, body in (
        ("DELETE", f"{own}/roles/admin", None),
        ("PUT", f"{own}/roles/admin", {"expires_at": end}),
        ("POST", f"{own}/suspend", {}),
        ("DELETE", own, None),
        ("DELETE", "/auth/me", None),
        ("DELETE", "/auth/roles/admin", None),
        ("PATCH", "/auth/roles/admin", {"permissions": ["users:read"]}),
    ):
        assert (await admin.http.request(method, where, json=body)).json()["code"] == "forbidden", where
    assert (await admin.http.get(f"{own}/roles/admin")).json()["expires_at"] is None
    bob = await somebody(office, "bob@example.com", "admin")
    await users.suspend(office.auth, await id_of(bob), OPERATOR)
    assert (await admin.http.delete(f"{own}/roles/admin")).json()["code"] == "forbidden"
    await users.restore(office.auth, await id_of(bob), OPERATOR)
    assert (await admin.http.delete(own)).status_code == 204
    with pytest.raises(Forbidden):
        await managers.revoke(office.auth, await id_of(bob), "admin", OPERATOR)
    ada = await somebody(office, "ada@example.com")
    assert (await ada.http.delete("/auth/me")).status_code == 204


async def test_changes_of_roles_require_a_recent_sign_in(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    office.clock.travel(minutes=11)
    admin.use((await admin.refresh()).json())
    own = f"/auth/users/{await id_of(admin)}/roles/reader"
    for method, where, body in (
        ("POST", "/auth/roles", {"name": "new"}),
        ("PATCH", "/auth/roles/reader", {}),
        ("DELETE", "/auth/roles/reader", None),
        ("PUT", own, None),
        ("DELETE", own, None),
    ):
        assert (await admin.http.request(method, where, json=body)).json()["code"] == "step_up_required"
    assert (await admin.http.get("/auth/roles")).status_code == 200


async def test_every_change_is_an_event_with_before_and_after(office: World) -> None:
    admin = await somebody(office, "admin@example.com", "admin")
    ada = await somebody(office, "ada@example.com")
    place = f"/auth/users/{await id_of(ada)}/roles/reader"
    await admin.http.post("/auth/roles", json={"name": "new", "permissions": ["users:read"]})
    await admin.http.patch("/auth/roles/new", json={"permissions": [], "description": "New."})
    await admin.http.delete("/auth/roles/new")
    await admin.http.put(place)
    await admin.http.delete(place)
    items = (await admin.http.get("/auth/events/all", params={"limit": 5})).json()["items"]
    assert [item["kind"] for item in items] == [
        "role.revoked",
        "role.granted",
        "role.deleted",
        "role.changed",
        "role.created",
    ]
    assert {item["actor_id"] for item in items} == {str(await id_of(admin))}
    nothing: dict[str, Any] = {"permissions": [], "includes": [], "description": "New."}
    some = {"permissions": ["users:read"], "includes": [], "description": None}
    assert [item["detail"] for item in items] == [
        {"role": "reader", "scope": "", "before": {"expires_at": None}, "after": None},
        {"role": "reader", "scope": "", "before": None, "after": {"expires_at": None}},
        {"role": "new", "before": nothing, "after": None},
        {"role": "new", "before": some, "after": nothing},
        {"role": "new", "before": None, "after": some},
    ]
    assert (await ada.http.get("/auth/events")).json()["items"][0]["kind"] == "role.revoked"


async def test_roles_can_require_a_second_factor(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(required_roles=("admin",)), Role()], email_verification=False)
    admin = await somebody(world, "admin@example.com", "admin")
    assert (await admin.login()).json()["next"][0]["step"] == "enroll_second_factor"
    assert (await (await somebody(world, "ada@example.com")).login()).json()["status"] == "complete"


async def test_s015_s047_who_rises_to_such_a_role_signs_in_anew(open_world: OpenWorld) -> None:
    """The earlier session has one factor: it gets no administration, by that role or by one that includes it."""
    world = await open_world(
        features=[Password(), Otp(required_roles=("admin",)), Role(roles={"chief": ["admin"], "reader": []})],
        email_verification=False,
    )
    await definitions.sync(world.auth)
    ada = await somebody(world, "ada@example.com", "reader")
    assert (await ada.me()).status_code == 200
    await managers.grant(world.auth, await id_of(ada), "chief", OPERATOR)
    assert (await ada.http.get("/auth/users")).json()["code"] == "unauthenticated"
    assert (await ada.refresh()).json()["code"] == "invalid_refresh_token"
    assert (await ada.login()).json()["next"][0]["step"] == "enroll_second_factor"
    bob = Owner(world, "bob@example.com", await world.client())
    bob.use((await bob.register()).json()["tokens"])
    await bob.enrol()
    await bob.second(await bob.first(), bob.code())
    await managers.grant(world.auth, await id_of(bob), "admin", OPERATOR)
    assert (await bob.http.get("/auth/users")).status_code == 200


async def test_s015_s047_a_role_that_comes_to_include_such_a_role_signs_its_holders_out(open_world: OpenWorld) -> None:
    """Like a grant: users who have it through another role must sign in again, and no others."""
    world = await open_world(
        features=[Password(), Otp(required_roles=("admin",)), Role(roles={"chief": ["reader"], "reader": []})],
        email_verification=False,
    )
    await definitions.sync(world.auth)
    ada, eve = await somebody(world, "ada@example.com", "chief"), await somebody(world, "eve@example.com")
    carol = await somebody(world, "carol@example.com")
    await managers.grant(world.auth, await id_of(carol), "chief", OPERATOR, scope="project:1")
    bob = Owner(world, "bob@example.com", await world.client())
    bob.use((await bob.register()).json()["tokens"])
    await bob.enrol()
    await bob.second(await bob.first(), bob.code())
    await managers.grant(world.auth, await id_of(bob), "chief", OPERATOR)
    everybody = (ada, bob, carol, eve)
    assert [(await one.me()).status_code for one in everybody] == [200] * 4

    await becomes(world, "reader", permissions={"users:read"})
    await definitions.create(world.auth, Definition("other"), OPERATOR)
    await becomes(world, "reader", includes={"other"})
    assert [(await one.me()).status_code for one in everybody] == [200] * 4
    await becomes(world, "other", includes={"admin"})
    assert [(await one.me()).status_code for one in everybody] == [401, 200, 200, 200]
    assert (await ada.refresh()).json()["code"] == "invalid_refresh_token"
    assert (await ada.login()).json()["next"][0]["step"] == "enroll_second_factor"
    assert (await bob.http.get("/auth/users")).status_code == 200
    wanted = EventFilter(await id_of(ada), "session.ended")
    [ended] = (await events.listed(world.auth, wanted, None, 10)).items
    assert (ended.kind, ended.detail) == ("session.ended", {"reason": "second_factor_required"})


async def test_without_roles_that_require_a_second_factor_no_session_ends(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(), Role(roles={"reader": []})], email_verification=False)
    await definitions.sync(world.auth)
    ada = await somebody(world, "ada@example.com", "reader")
    await becomes(world, "reader", includes={"admin"})
    assert (await ada.http.get("/auth/users")).status_code == 200


async def becomes(world: World, name: str, **parts: set[str]) -> None:
    """A role has these permissions, or includes these roles."""
    now: dict[str, Any] = {part: frozenset(names) for part, names in parts.items()}
    await definitions.change(world.auth, name, lambda role: replace(role, **now), OPERATOR)


async def test_the_code_is_brought_into_the_database(make_auth: MakeAuth) -> None:
    auth = make_auth(features=[Password(), DECLARED])
    planned = await definitions.plan(auth)
    assert [(one.name, one.before) for one in planned] == [("admin", None), ("editor", None), ("reader", None)]
    assert await definitions.sync(auth) == planned
    assert await definitions.sync(auth) == []
    less = make_auth(features=[Password(), Role()])
    assert {(one.name, one.after is None) for one in await definitions.plan(less)} == {
        ("admin", False),
        ("editor", True),
        ("reader", True),
    }
    await definitions.sync(less)
    every = await definitions.every(less)
    assert {name: one.in_code for name, one in every.items()} == {"admin": True, "editor": False, "reader": False}
    assert every["admin"].permissions == {one.name for one in OWN}
    for one in (auth, less):
        await one.close()


async def test_a_start_warns_when_the_roles_in_the_database_differ(
    make_auth: MakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    auth = make_auth(features=[Password(), DECLARED])
    async with running(auth, worker=False):
        assert "(admin, editor, reader). Run `fam-auth roles sync`" in caplog.text
        assert list(await definitions.every(auth)) == ["admin"]


async def test_a_start_in_development_brings_them(make_auth: MakeAuth) -> None:
    auth = make_auth(features=[Password(), DECLARED], profile="development")
    async with running(auth, worker=False):
        assert sorted(await definitions.every(auth)) == ["admin", "editor", "reader"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"permissions": ["posts"]}, "String should match pattern"),
        ({"permissions": ["posts:read", "posts:read"]}, "the permission posts:read is declared twice"),
        ({"permissions": ["users:read"]}, "the permission users:read is declared twice"),
        ({"roles": {"Editor": []}}, "'Editor' is not a valid role name"),
        ({"roles": {"editor": ["posts:raed"]}}, "the role editor has posts:raed, which is not declared"),
        ({"roles": {"editor": ["redaer"]}}, "the role editor has redaer, which is not declared"),
        ({"roles": {"one": ["two"], "two": ["one"]}}, "the role one includes itself"),
    ],
)
def test_a_misspelt_declaration_stops_the_start(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        Role(**settings)


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        (permission("posts:raed"), "requires the permission posts:raed. Add it to Role"),
        (role("Editor"), "requires the role Editor, which is not a valid role name"),
        (any_of(role("editor"), permission("posts:raed")), "posts:raed"),
        (all_of(role("editor"), permission("posts:raed")), "posts:raed"),
        (permission("posts:read", scope=path("project")), "has no parameter project"),
        (permission("posts:read", scope=path("post")), "has no parameter post,"),
    ],
)
async def test_a_misspelt_demand_stops_the_start(make_auth: MakeAuth, demand: Any, message: str) -> None:
    app = FastAPI()
    install(app, make_auth(features=[Password(), DECLARED]))

    @app.get("/posts/{post_id}", dependencies=[needs(demand)])
    async def read(post_id: int) -> int:
        return post_id

    with pytest.raises(Misconfigured, match=message):
        async with app.router.lifespan_context(app):
            raise AssertionError


def test_a_feature_without_an_auth_says_how_to_get_one() -> None:
    with pytest.raises(Misconfigured, match="not part of an Auth yet"):
        _ = Role().auth


async def test_grants_of_an_unknown_role_are_not_found(office: World) -> None:
    with pytest.raises(NotFound):
        await managers.who(office.auth, "nothing")


async def test_routes_that_ask_for_what_there_is_start(office: World) -> None:
    @office.app.get("/posts/{post_id:int}", dependencies=[needs(permission("posts:read", scope=path("post_id")))])
    async def post(post_id: int) -> int:
        return post_id

    ready(office.app, office.auth)
    ada = await somebody(office, "ada@example.com")
    await managers.grant(office.auth, await id_of(ada), "reader", OPERATOR, scope="7")
    assert await statuses(ada, "/posts/7", "/posts/8") == [200, 403]


async def test_a_socket_ends_with_the_role_that_let_it_in(office: World) -> None:
    """The claims of a session with an open WebSocket are computed again, as for a request."""
    ada = await somebody(office, "ada@example.com", "reader")
    session = (await ada.http.get("/auth/session")).json()
    await managers.revoke(office.auth, await id_of(ada), "reader", OPERATOR)
    [live] = (await sessions.live(office.auth, [UUID(session["id"])])).values()
    assert (session["claims"]["roles"], live.claims["roles"]) == (["reader"], [])


async def test_workers_without_a_cache_need_no_feed(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), DECLARED], email_verification=False, session_check="strict")
    await definitions.sync(world.auth)
    ada = await somebody(world, "ada@example.com", "reader")
    assert (await ada.http.get("/auth/session")).json()["claims"]["roles"] == ["reader"]


def test_demands_describe_themselves() -> None:
    both = all_of(role("reader"), permission("posts:read", scope=path("id", "post:")))
    assert str(any_of(role("admin"), both)) == "(role admin or (role reader and permission posts:read in post:{id}))"
