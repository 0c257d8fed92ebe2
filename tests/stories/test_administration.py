"""Administration of users over HTTP, by permissions that some feature gives."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from fam_auth import Auth, Feature, User
from fam_auth.features.password import Password
from tests.support.people import PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
NEW = "eleven purple yaks"
EVERYTHING = ["users:read", "users:manage", "sessions:manage", "events:read"]
ROUTES = [
    ("GET", "/auth/users", "users:read"),
    ("GET", "/auth/users/{id}", "users:read"),
    ("GET", "/auth/users/{id}/export", "users:manage"),
    ("PATCH", "/auth/users/{id}", "users:manage"),
    ("POST", "/auth/users/{id}/suspend", "users:manage"),
    ("POST", "/auth/users/{id}/restore", "users:manage"),
    ("POST", "/auth/users/{id}/password/compromised", "users:manage"),
    ("DELETE", "/auth/users/{id}/sessions", "sessions:manage"),
    ("GET", "/auth/users/{id}/events", "events:read"),
    ("GET", "/auth/events/all", "events:read"),
    ("POST", "/auth/users/invite", "users:manage"),
    ("DELETE", "/auth/users/{id}", "users:manage"),
]


class Badge(Feature):
    """Gives each user the permissions in their name, as in `users:read users:manage`."""

    name: ClassVar[str] = "badge"

    async def claims(self, auth: Auth, db: object, user: User) -> Mapping[str, Any]:
        return {"permissions": (user.name or "").split()}


@pytest.fixture
async def office(open_world: OpenWorld) -> World:
    """An application whose users have badges."""
    return await open_world(features=[Password(), Badge()], email_verification=False)


async def employee(world: World, email: str, *permissions: str) -> Person:
    """A signed-in user with these permissions."""
    person = await world.person(email)
    person.use((await person.register(name=" ".join(permissions) or None)).json()["tokens"])
    return person


def body_of(path: str) -> dict[str, Any] | None:
    return {"email": "new@example.com"} if path.endswith("invite") else None


@pytest.mark.parametrize(("method", "path", "wanted"), ROUTES)
async def test_s060_every_route_asks_for_its_permission(office: World, method: str, path: str, wanted: str) -> None:
    bob = await employee(office, "bob@example.com")
    path = path.replace("{id}", (await bob.me()).json()["id"])
    body = {} if method == "PATCH" else body_of(path)
    others = [one for one in EVERYTHING if one != wanted]
    plain, wrong = await employee(office, "eve@example.com"), await employee(office, "mallory@example.com", *others)
    assert (await (await office.client()).request(method, path, json=body)).status_code == 401
    for person in (plain, wrong):
        refused = await person.http.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    right = await employee(office, "ada@example.com", wanted)
    assert (await right.http.request(method, path, json=body)).status_code in {200, 201, 204}


async def test_without_the_role_feature_a_session_has_no_rights(ada: Person) -> None:
    assert (await ada.http.get("/auth/users")).json()["code"] == "forbidden"


async def test_search_and_pages(office: World) -> None:
    admin = await employee(office, "admin@example.com", "users:read")
    for number in range(5):
        await employee(office, f"guest{number}@example.com", f"Number_{number}")
    first = (await admin.http.get("/auth/users", params={"search": "GUEST", "limit": 3})).json()
    rest = (await admin.http.get("/auth/users", params={"search": "GUEST", "limit": 3, "after": first["next"]})).json()
    assert [one["email"] for one in first["items"] + rest["items"]] == [f"guest{n}@example.com" for n in range(5)]
    assert rest["next"] is None
    by_name = (await admin.http.get("/auth/users", params={"search": "number_3"})).json()
    assert [one["name"] for one in by_name["items"]] == ["Number_3"]
    assert (await admin.http.get("/auth/users", params={"search": "%"})).json()["items"] == []


async def test_a_suspension_ends_everything_and_ends_by_itself(office: World) -> None:
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    bob = await employee(office, "bob@example.com")
    path = f"/auth/users/{(await bob.me()).json()['id']}"
    until = office.clock().replace(microsecond=0).isoformat().replace("12:", "18:")
    body = {"reason": "unpaid", "until": until}
    assert (await admin.http.post(f"{path}/suspend", json=body)).status_code == 204
    assert (await bob.me()).status_code == 401
    assert (await bob.refresh()).status_code == 401
    assert (await bob.login()).json()["code"] == "invalid_credentials"
    shown = (await admin.http.get(path)).json()
    assert (shown["suspended_until"], shown["suspended_at"] is not None) == (until.replace("+00:00", "Z"), True)
    office.clock.travel(hours=7)
    assert (await bob.login()).status_code == 200
    await admin.login()
    await admin.http.post(f"{path}/suspend")
    assert (await bob.login()).status_code == 401
    assert (await admin.http.post(f"{path}/restore")).status_code == 204
    assert (await bob.login()).status_code == 200


async def test_s054_sessions_of_one_user(office: World) -> None:
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    bob = await employee(office, "bob@example.com")
    user_id = (await bob.me()).json()["id"]
    assert (await admin.http.delete(f"/auth/users/{user_id}/sessions")).status_code == 204
    assert (await bob.me()).status_code == 401


async def test_an_invitation_creates_a_user_and_unknown_users_are_not_found(office: World) -> None:
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    invited = await admin.http.post("/auth/users/invite", json={"email": "bob@example.com", "name": "Bob"})
    assert (invited.status_code, invited.json()["email_verified"]) == (201, False)
    again = await admin.http.post("/auth/users/invite", json={"email": "BOB@example.com"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "taken")
    bob = await office.person("bob@example.com")
    body = {"token": await bob.link_token(), "new_password": NEW}
    assert (await bob.http.post("/auth/password/reset", json=body)).status_code == 204
    nobody = f"/auth/users/{uuid4()}"
    for method, path in (
        ("GET", nobody),
        ("DELETE", nobody),
        ("POST", f"{nobody}/suspend"),
        ("DELETE", f"{nobody}/sessions"),
    ):
        assert (await admin.http.request(method, path)).json()["code"] == "not_found"


@pytest.mark.parametrize("field", ["password", "email_verified", "is_superuser", "id", "created_at", "demands", "key"])
async def test_s025_a061_no_route_sets_what_is_not_its_own(office: World, field: str) -> None:
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    path = f"/auth/users/{(await admin.me()).json()['id']}"
    for method, where in (("PATCH", path), ("PATCH", "/auth/me"), ("POST", "/auth/users/invite")):
        answer = await admin.http.request(method, where, json={"email": "x@example.com", field: "x"})
        assert answer.status_code == 422
    assert (await office.person("eve@example.com")).password == PASSWORD


async def test_s121_events_name_their_actor(office: World) -> None:
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    bob = await employee(office, "bob@example.com")
    user_id, admin_id = (await bob.me()).json()["id"], (await admin.me()).json()["id"]
    await admin.http.patch(f"/auth/users/{user_id}", json={"name": "Robert"})
    await admin.http.post(f"/auth/users/{user_id}/suspend", json={})
    items = (await admin.http.get(f"/auth/users/{user_id}/events")).json()["items"]
    kinds = [item["kind"] for item in items]
    assert kinds == ["session.ended", "user.suspended", "user.updated", "session.started", "user.registered"]
    assert [item["actor_id"] for item in items[1:3]] == [admin_id, admin_id]
    assert all(item["request_id"] for item in items)
    every = (await admin.http.get("/auth/events/all", params={"kind": "session.started"})).json()["items"]
    assert {item["user_id"] for item in every} == {user_id, admin_id}
    later = (await admin.http.get("/auth/events/all", params={"since": "2030-01-01T00:00:00Z"})).json()
    earlier = (await admin.http.get("/auth/events/all", params={"until": "2030-01-01T00:00:00Z"})).json()
    assert (later["items"], len(earlier["items"]) >= 7) == ([], True)


async def test_s060_dangerous_actions_on_a_user_require_a_recent_sign_in(office: World) -> None:
    """Over JSON as on the pages: with a stolen session of an administrator, none of this works."""
    admin = await employee(office, "admin@example.com", *EVERYTHING)
    bob = await employee(office, "bob@example.com")
    path = f"/auth/users/{(await bob.me()).json()['id']}"
    office.clock.travel(minutes=11)
    admin.use((await admin.refresh()).json())
    for method, end in (
        ("DELETE", ""),
        ("POST", "/suspend"),
        ("POST", "/password/compromised"),
        ("DELETE", "/sessions"),
        ("GET", "/export"),
    ):
        refused = await admin.http.request(method, f"{path}{end}")
        assert (refused.status_code, refused.json()["code"]) == (401, "step_up_required"), end
    assert (await admin.http.patch(path, json={"name": "Robert"})).status_code == 200
    assert (await admin.http.post(f"{path}/restore")).status_code == 204
    assert (await bob.refresh()).status_code == 200


async def test_an_export_is_an_event_with_its_actor(office: World) -> None:
    admin, bob = await employee(office, "admin@example.com", *EVERYTHING), await employee(office, "bob@example.com")
    user_id, admin_id = (await bob.me()).json()["id"], (await admin.me()).json()["id"]
    assert (await bob.http.get("/auth/me/export")).status_code == 200
    assert (await admin.http.get(f"/auth/users/{user_id}/export")).status_code == 200
    items = (await admin.http.get("/auth/events/all", params={"kind": "user.exported"})).json()["items"]
    assert [(item["user_id"], item["actor_id"]) for item in items] == [(user_id, admin_id), (user_id, user_id)]


async def test_users_do_not_see_the_address_of_an_administrator(office: World) -> None:
    """Neither in a user's events nor in an export of their data; the addresses of strangers are shown."""
    admin, bob = await employee(office, "admin@example.com", *EVERYTHING), await employee(office, "bob@example.com")
    admin.http.headers["User-Agent"] = "office/1"
    bob.http.headers["User-Agent"] = "home/1"
    user_id = (await bob.me()).json()["id"]
    stranger = Person(office, bob.email, await office.client(**{"User-Agent": "strange/1"}), password="wrong wrong")
    await stranger.login()
    await admin.http.patch(f"/auth/users/{user_id}", json={"name": "Robert"})
    await admin.http.delete(f"/auth/users/{user_id}/sessions")
    await admin.http.get(f"/auth/users/{user_id}/export")
    await bob.login()
    items = (await bob.http.get("/auth/events")).json()["items"]
    seen = {item["kind"]: (item["address"], item["client"]) for item in reversed(items)}
    for kind in ("user.updated", "session.ended", "user.exported"):
        assert seen[kind] == (None, None)
    assert [seen[kind][1] for kind in ("session.started", "login.failed")] == ["home/1", "strange/1"]
    assert seen["session.started"][0] is not None
    journal = (await admin.http.get(f"/auth/users/{user_id}/events")).json()["items"]
    updated = next(item for item in journal if item["kind"] == "user.updated")
    assert (updated["address"] is not None, updated["client"]) == (True, "office/1")
    own = (await bob.http.get("/auth/me/export")).json()
    others = (await admin.http.get(f"/auth/users/{user_id}/export")).json()
    for export in (own, others):
        rows = export["tables"]["auth_event"]
        assert {row["agent"] for row in rows if row["actor_id"] not in {None, user_id}} == {None}
        assert {row["address"] for row in rows if row["actor_id"] not in {None, user_id}} == {None}
        assert {"home/1", "strange/1"} <= {row["agent"] for row in rows}


async def test_s116_events_of_a_deleted_administrator_stay_without_their_address(office: World) -> None:
    admin, bob = await employee(office, "admin@example.com", *EVERYTHING), await employee(office, "bob@example.com")
    user_id, admin_id = (await bob.me()).json()["id"], (await admin.me()).json()["id"]
    await admin.http.post(f"/auth/users/{user_id}/suspend", json={"reason": "unpaid"})
    assert (await admin.http.delete("/auth/me")).status_code == 204
    other = await employee(office, "other@example.com", *EVERYTHING)
    items = (await other.http.get(f"/auth/users/{user_id}/events")).json()["items"]
    suspended = next(item for item in items if item["kind"] == "user.suspended")
    assert (suspended["actor_id"], suspended["address"]) == (admin_id, None)
    ended = next(item for item in items if item["kind"] == "session.ended")
    assert (ended["actor_id"], ended["address"], ended["detail"]) == (admin_id, None, {"reason": "suspended"})
