"""The pages of administrators: who may open what, what each button does, and that a proof has to be fresh."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy import insert

from fam_auth.core.mail import Mail, MailFailed
from fam_auth.core.settings import Profile, Settings
from fam_auth.events import LoginFailed, SessionStarted, UserRegistered
from fam_auth.feature import Feature
from fam_auth.features.otp import Otp
from fam_auth.features.otp import managers as otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, definitions
from fam_auth.features.role import managers as roles
from fam_auth.features.role.settings import OWN, Permission
from fam_auth.models import Event
from fam_auth.pages.administration.charts import chart
from fam_auth.pages.mount import KERNEL
from fam_auth.repository.data_access.managers import diagnosis, outbox, users, worker
from tests.pages.office import EVERY, administrator, scene
from tests.support.browsing import Browser, browser, member, program
from tests.support.people import OPERATOR, PASSWORD, World

# Pages ask what the API asks; those that count and filter for themselves run on both.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
ONE = "/admin/users/{user}"
# Page: what it takes.
PAGES = {
    "/admin/dashboard": ["events:read"],
    "/admin/users": ["users:read"],
    ONE: ["users:read"],
    f"{ONE}/sessions": ["sessions:manage"],
    f"{ONE}/second-factors": ["users:read"],
    f"{ONE}/password": ["users:manage"],
    f"{ONE}/roles": ["roles:manage"],
    "/admin/roles": ["roles:manage"],
    "/admin/invite": ["users:manage"],
    "/admin/events": ["events:read"],
    "/admin/events/newer?than=00000000-0000-0000-0000-000000000000": ["events:read"],
    "/admin/outbox": ["service:read"],
    "/admin/configuration": ["service:read"],
}
# Form: what it takes, whether its proof has to be fresh, and what it sends.
FORMS = [
    (f"{ONE}/suspend", ["users:read", "users:manage"], True, {"reason": "unpaid", "until": "2030-01-01"}),
    (f"{ONE}/restore", ["users:read", "users:manage"], False, {}),
    (f"{ONE}/sessions/end", ["sessions:manage"], True, {}),
    (f"{ONE}/second-factors/remove", ["users:read", "users:manage"], True, {"reason": "passport seen"}),
    (f"{ONE}/password/compromised", ["users:manage"], True, {}),
    (f"{ONE}/roles/grant", ["roles:manage"], True, {"role": "helper"}),
    (f"{ONE}/roles/revoke", ["roles:manage"], True, {"role": "helper"}),
    ("/admin/roles/create", ["roles:manage"], True, {"name": "editor"}),
    (
        "/admin/roles/toggle",
        ["roles:manage"],
        True,
        {"role": "helper", "kind": "permission", "part": "roles:manage", "wanted": "yes"},
    ),
    ("/admin/roles/delete", ["roles:manage"], True, {"role": "helper"}),
    ("/admin/invite", ["users:manage"], False, {"email": "new@example.com"}),
    ("/admin/outbox/retry", ["service:read", "service:manage"], False, {"mail": "{mail}"}),
    (f"{ONE}/delete", ["users:read", "users:manage"], True, {"understood": "yes"}),
]


def paths(method: str) -> set[str]:
    """Every path of the administration that is asked for by this method."""
    routers = [*KERNEL, *(router for one in (Password(), Otp(), Role()) for router in brought(one))]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    found = {route.path.replace("{user_id}", "{user}") for route in routes if method in (route.methods or ())}
    return {path for path in found if path.startswith("/admin/")}


def brought(feature: Feature) -> Sequence[APIRouter]:
    pages = feature.pages(Settings(database="sqlite+aiosqlite:///./none.db", profile=Profile.DEVELOPMENT))
    return [] if pages is None else pages.routers


def test_no_page_and_no_button_is_left_out_here() -> None:
    assert {path.partition("?")[0] for path in PAGES} == paths("GET")
    assert {form[0] for form in FORMS} == paths("POST")


async def outbox_of(world: World) -> list[UUID]:
    """The mails that wait."""
    return [row.id for row in (await outbox.listed(world.auth, None, 50)).items]


def filled(values: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    return {name: value.format(**known) for name, value in values.items()}


async def send(theirs: Browser, path: str, values: dict[str, str]) -> httpx2.Response:
    """Sends a form without looking at its page first."""
    return await theirs.http.post(f"/auth{path}", data=values)


@pytest.mark.parametrize("path", PAGES)
async def test_who_may_open_which_page(world: World, path: str) -> None:
    known = await scene(world)
    path = path if "{" not in path else path.format(**known)
    needed = next(asked for page, asked in PAGES.items() if page.format(**known) == path)
    nobody = await browser(world)
    await nobody.open(path)
    assert (nobody.path, nobody.answer.url.params["next"]) == ("/auth/sign-in", f"/auth{path.partition('?')[0]}")
    others = await administrator(world, *(set(EVERY) - set(needed)), email="eve@example.com")
    await others.open(path)
    assert others.answer.status_code == 403
    assert known["user"] not in others.answer.text
    theirs = await administrator(world, *needed)
    await theirs.open(path)
    assert theirs.answer.status_code == 200
    assert theirs.answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("path", "needed", "is_fresh", "values"), FORMS, ids=[form[0] for form in FORMS])
async def test_who_may_press_which_button(
    world: World, path: str, needed: Sequence[str], is_fresh: bool, values: dict[str, str]
) -> None:
    known = await scene(world)
    path, values = path.format(**known), filled(values, known)
    nobody = await browser(world)
    answer = await send(nobody, path, values)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/auth/sign-in")
    for number, lacking in enumerate(needed):
        others = await administrator(world, *(set(EVERY) - {lacking}), email=f"eve{number}@example.com")
        assert (await send(others, path, values)).status_code == 403
    theirs = await administrator(world, *needed, email="grace@example.com")
    other_site = await theirs.http.post(f"/auth{path}", data=values, headers={"Sec-Fetch-Site": "cross-site"})
    assert other_site.status_code == 403
    await world.later(minutes=11)
    if is_fresh:
        answer = await send(theirs, path, values)
        again, _, query = answer.headers["location"].partition("?")
        assert (answer.status_code, again) == (303, "/auth/sign-in/again")
        await theirs.open(f"/sign-in/again?{query}")
        await theirs.send("/again", password=PASSWORD)
        assert theirs.answer.status_code == 200
        assert theirs.path == f"/auth{path.rpartition('/')[0]}"
    if path.endswith("/retry"):
        await (await program(world, "waits@example.com")).register()
        while not (waiting := await outbox_of(world)):
            await worker.deliver(world.auth)
        values = {"mail": str(waiting[0])}
    if path.endswith("/revoke"):
        await roles.grant(world.auth, UUID(known["user"]), "helper", OPERATOR)
    answer = await send(theirs, path, values)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/auth/admin")


async def test_the_way_in(world: World, ada: Browser) -> None:
    await ada.open("/admin")
    assert ada.answer.status_code == 403
    await ada.open("/account")
    assert "Administration" not in ada.text
    grace = await administrator(world, "service:read")
    await grace.open("/account")
    assert "Administration" in grace.text
    await grace.open("/admin")
    assert grace.path == "/auth/admin/outbox"
    assert "Dashboard" not in grace.text
    await (await grace.open("/admin/outbox")).open("/account")
    chief = await administrator(world, *EVERY, email="chief@example.com")
    await chief.open("/admin")
    assert chief.path == "/auth/admin/dashboard"


@pytest.mark.engines("sqlite", "postgresql")  # counts by SQL of its own
async def test_a_dashboard_counts_what_happened(world: World) -> None:
    grace = await administrator(world, *EVERY)
    for number in range(3):
        await (await program(world, f"p{number}@example.com")).register()
    for _ in range(2):
        await (await program(world, grace.email)).login(password="wrong wrong wrong")
    await world.later(days=1)
    await grace.open("/admin/dashboard?days=7")
    found = re.findall(r'class="number">(\d+)<', grace.answer.text)
    assert found == ["4", "1", "2", "1"]
    rows = re.findall(r"<tr><th scope=\"row\">([^<]+)</th>(.*?)</tr>", grace.answer.text)
    assert [(day, re.findall(r">(\d+)<", cells)) for day, cells in rows[:3]] == [
        ("24 November", ["0", "0", "0", "1"]),
        ("23 November", ["4", "1", "2", "1"]),
        ("22 November", ["0", "0", "0", "0"]),
    ]
    for days in (0, 91):
        await grace.open(f"/admin/dashboard?days={days}")
        assert grace.answer.status_code == 422


async def test_every_page_and_its_files_are_small(world: World) -> None:
    """Style sheets, scripts and page, as they travel: 60 kB at most, the first time and after ninety busy days."""
    known = await scene(world)
    grace = await administrator(world, *EVERY)
    grace.http.headers["Accept-Language"] = "de"
    for number in range(90):
        await users.create(world.auth, f"somebody.with.a.long.address{number}@example.com", "Somebody")
        world.clock.travel(days=1)
    await busy(world, days=90)
    await grace.sign_in()
    weights = {}
    for path in (*PAGES, "/admin/dashboard?days=90"):
        await grace.open(path.format(**known))
        assert grace.answer.status_code == 200
        files = set(re.findall(r'(?:href|src)="(/auth/static/[^"]+)"', grace.answer.text))
        assert len(files) == (0 if "/newer" in path else 4)
        weights[path] = len(grace.answer.content)
        for name in files:
            file = await grace.http.get(name, headers={"Accept-Encoding": "gzip"})
            weights[path] += file.num_bytes_downloaded
    assert weights["/admin/dashboard?days=90"] > 30_000
    assert {path: weight for path, weight in weights.items() if weight >= 60_000} == {}


async def busy(world: World, *, days: int) -> None:
    """Each of the last days saw many sign-ups, sign-ins and failures."""
    now = world.clock()
    kinds = (UserRegistered.kind, SessionStarted.kind, LoginFailed.kind)
    rows = [
        {"id": uuid4(), "kind": kind, "at": now - timedelta(days=day), "outcome": "success", "detail": {}}
        for day in range(days)
        for kind in kinds
        for _ in range(day % 7 + 10)
    ]
    await world.auth.database.rows(insert(Event).values(rows))


def test_charts_are_drawn_to_the_next_round_number() -> None:
    drawn = chart([0, 3, 4], ["a", "b", "c"])
    assert (drawn.top, drawn.total, drawn.last) == (4, 7, 4)
    assert [(bar.y, bar.height, bar.label) for bar in drawn.bars] == [(160, 0, "a"), (40, 120, "b"), (0, 160, "c")]
    assert drawn.line == "0.00,160.00 300.00,40.00 600.00,0.00"
    assert drawn.area == f"0,160 {drawn.line} 600,160"
    assert [chart([most], ["a"]).top for most in (0, 1, 3, 7, 11, 45, 99, 101)] == [1, 1, 4, 10, 20, 50, 100, 200]


@pytest.mark.engines("sqlite", "postgresql")  # reads users by pages
async def test_users_are_found_and_looked_at(world: World) -> None:
    grace = await administrator(world, *EVERY)
    await (await program(world, "bob@example.com")).register(name="<b>Bob</b>")
    for number in range(26):
        await users.create(world.auth, f"u{number}@example.com", None)
    await grace.open("/admin/users")
    assert "u0@example.com" in grace.text
    assert "u25@example.com" not in grace.text
    await grace.open(next(link for link in grace.page.links if "after=" in link))
    assert "u25@example.com" in grace.text
    await grace.open("/admin/users?search=BOB%40")
    assert "bob@example.com" in grace.text
    assert "u1@example.com" not in grace.text
    assert "<b>Bob" not in grace.answer.text
    await grace.open("/admin/users?search=u&after=" + str((await users.found(world.auth, "u3@example.com")).id))
    assert "u4@example.com" in grace.text
    await grace.open("/admin/users?search=nobody-at-all")
    assert "No users found." in grace.text
    await grace.open(f"/admin/users/{uuid4()}")
    assert grace.answer.status_code == 404
    await grace.open("/admin/users/none")
    assert grace.answer.status_code == 422


async def test_a_user_is_suspended_and_restored(world: World) -> None:
    grace = await administrator(world, *EVERY)
    bob = await member(world, "bob@example.com")
    user = await users.found(world.auth, bob.email)
    await grace.open(f"/admin/users/{user.id}")
    await grace.send("/suspend", reason="x" * 501)
    assert grace.answer.status_code == 422
    await grace.send("/suspend", until="yesterday")
    assert "Enter a valid date." in grace.text
    await grace.send("/suspend", reason="unpaid <i>", until="2026-12-24")
    assert "The user was suspended" in grace.text
    assert "24 December 2026, 23:59 UTC unpaid <i>" in grace.text
    await bob.open("/account")
    assert bob.path == "/auth/sign-in"
    await bob.sign_in()
    assert bob.answer.status_code == 401
    await grace.open("/admin/users")
    assert "Suspended" in grace.text
    await grace.open(f"/admin/users/{user.id}")
    await grace.send("/restore")
    assert "The suspension was lifted." in grace.text
    await grace.send("/suspend")
    assert "until lifted" in grace.text
    await grace.send("/restore")
    await bob.sign_in()
    assert bob.path == "/auth/account"
    await grace.send("/delete")
    assert grace.answer.status_code == 422
    await grace.send("/delete", understood="yes")
    assert (grace.path, "The account was deleted." in grace.text) == ("/auth/admin/users", True)


async def test_who_reads_only_sees_no_button(world: World) -> None:
    known = await scene(world)
    reader = await administrator(world, "users:read")
    await reader.open(f"/admin/users/{known['user']}")
    assert [form.action for form in reader.page.forms] == ["/auth/sign-out"]
    await reader.open(f"/admin/users/{known['user']}/second-factors")
    assert "Two-factor authentication is not set up." in reader.text


async def test_a_user_is_signed_out_everywhere(world: World) -> None:
    grace = await administrator(world, *EVERY)
    bob = await member(world, "bob@example.com")
    user = await users.found(world.auth, bob.email)
    await grace.open(f"/admin/users/{user.id}/sessions")
    assert "Last active" in grace.text
    await grace.send("/end")
    assert "No active sessions." in grace.text
    await bob.open("/account")
    assert bob.path == "/auth/sign-in"


async def test_a_user_does_not_see_which_browser_an_administrator_has(world: World) -> None:
    grace, bob = await administrator(world, *EVERY), await member(world, "bob@example.com")
    user = await users.found(world.auth, bob.email)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"
    grace.http.headers["User-Agent"], bob.http.headers["User-Agent"] = f"{agent} Firefox/140.0", f"{agent} OPR/1"
    await grace.open(f"/admin/users/{user.id}/sessions")
    await grace.send("/end")
    await bob.sign_in()
    await bob.open("/account/activity")
    assert ("Signed out" in bob.text, "Opera" in bob.text, "Firefox" in bob.text) == (True, True, False)


async def test_who_is_out_of_reach_is_told_on_the_page(world: World) -> None:
    grace, chief = await administrator(world, "users:read", "users:manage"), await member(world, "chief@example.com")
    user = await users.found(world.auth, chief.email)
    await roles.grant(world.auth, user.id, "admin", OPERATOR)
    await grace.open(f"/admin/users/{user.id}")
    await grace.send("/suspend")
    assert grace.answer.status_code == 403
    assert "This user has roles or permissions that you do not have." in grace.text


async def test_a_lost_second_factor_and_a_known_password(world: World) -> None:
    grace = await administrator(world, *EVERY)
    bob = await member(world, "bob@example.com")
    await bob.open("/account/second-factors")
    await bob.enrol()
    user = await users.found(world.auth, bob.email)
    await grace.open(f"/admin/users/{user.id}/second-factors")
    assert "Recovery codes: 10" in grace.text
    assert bob.secret not in grace.answer.text
    await grace.send("/remove")
    assert grace.answer.status_code == 422
    await grace.send("/remove", reason="passport seen")
    assert "Two-factor authentication was reset." in grace.text
    assert (await otp.standing(world.auth, user.id)).devices == 0
    await grace.open(f"/admin/users/{user.id}/password")
    await grace.send("/compromised")
    assert "must choose a new password at the next sign-in" in grace.text
    await bob.sign_in()
    assert bob.path == "/auth/sign-in/change-password"


async def test_somebody_is_invited(world: World) -> None:
    grace = await administrator(world, *EVERY)
    await grace.open("/admin/invite")
    await grace.send(email=grace.email)
    assert "is already in use" in grace.text
    await grace.send(email="new@example.com", name="New")
    assert "Invitation sent." in grace.text
    assert [mail.kind for mail in await world.mails("new@example.com")] == ["invitation"]


async def test_roles_as_a_matrix(world: World) -> None:
    grace = await administrator(world, *EVERY)
    await grace.open("/admin/roles")
    await grace.send("/create", name="Editor!")
    assert "Use up to 63 lowercase letters" in grace.text
    await grace.send("/create", name="helper", description="Helps")
    await grace.send("/create", name="chief")
    assert "Role created." in grace.text
    for role, kind, part in (("helper", "permission", "users:read"), ("chief", "role", "helper")):
        await send(grace, "/admin/roles/toggle", {"role": role, "kind": kind, "part": part, "wanted": "yes"})
    await grace.open("/admin/roles")
    assert "helper has users:read: remove" in grace.text
    assert "chief has users:read through another role: add" in grace.text
    circle = {"role": "helper", "kind": "role", "part": "chief", "wanted": "yes"}
    answer = await send(grace, "/admin/roles/toggle", circle)
    assert (answer.status_code, "A role cannot include itself" in answer.text) == (422, True)
    kept = {"role": "admin", "kind": "permission", "part": "users:read", "wanted": "no"}
    answer = await send(grace, "/admin/roles/toggle", kept)
    assert (answer.status_code, "You cannot remove the permissions of fam-auth" in answer.text) == (403, True)
    await grace.open("/admin/roles")
    await grace.send("/delete", role="chief")
    assert "Role deleted." in grace.text
    await send(grace, "/admin/roles/toggle", {**kept, "role": "helper"})
    assert (await definitions.get(world.auth, "helper")).permissions == frozenset()
    await world.later(minutes=11)
    await grace.open("/admin/roles")
    assert "Before you can make changes here" in grace.text
    assert "helper does not have users:read" in grace.text


async def test_permissions_are_explained_in_the_language_of_the_page(open_world: OpenWorld) -> None:
    theirs = Permission("articles:publish", "Bring an article out.")
    world = await open_world(features=[Password(), Role(permissions=[theirs])], hosted=True)
    grace = await administrator(world, *EVERY)
    await grace.open("/admin/roles")
    assert [one.name for one in OWN if one.description not in grace.text] == []
    grace.http.headers["Accept-Language"] = "de"
    await grace.open("/admin/roles")
    assert [one.name for one in OWN if one.description in grace.text] == []
    assert "Benutzer abmelden." in grace.text
    assert "articles:publish Bring an article out." in grace.text


async def test_roles_of_a_user(world: World) -> None:
    known = await scene(world)
    grace = await administrator(world, *EVERY)
    await grace.open(f"/admin/users/{known['user']}/roles")
    assert "No roles." in grace.text
    await grace.send("/grant", role="helper", scope="project:42", until="2026-11-24")
    assert "project:42" in grace.text
    assert "24 November 2026, 23:59 UTC" in grace.text
    await grace.send("/grant", role="helper", until="2020-01-01")
    assert grace.answer.status_code == 422
    await grace.send("/grant", role="helper", until="never")
    assert "Enter a valid date." in grace.text
    await grace.send("/revoke")
    assert "Role revoked." in grace.text
    await grace.send("/grant", role="admin")
    assert grace.answer.status_code == 200
    helper = await administrator(world, "roles:manage", email="helper@example.com")
    await helper.open(f"/admin/users/{known['user']}/roles")
    await helper.send("/grant", role="admin")
    assert (helper.answer.status_code, "You can only grant or revoke" in helper.text) == (403, True)


@pytest.mark.engines("sqlite", "postgresql")  # filters by SQL of its own
async def test_events_are_filtered(world: World) -> None:
    grace = await administrator(world, *EVERY)
    await (await program(world, grace.email)).login(password="wrong wrong wrong")
    user = await users.found(world.auth, grace.email)
    await grace.open("/admin/events?outcome=failure&kind=login.failed&since=2026-11-23&until=2026-11-23")
    assert grace.text.count("Wrong password") == 1
    assert "Signed in" not in grace.text
    for who in (user.email, str(user.id)):
        await grace.open(f"/admin/events?who={who}&kind=session.started&outcome=&since=&until=")
        assert "Signed in" in grace.text
    for query in ("who=nobody@example.com", "who=%3Fno+address", f"who={uuid4()}", "since=2030-01-01"):
        await grace.open(f"/admin/events?{query}")
        assert "No events found." in grace.text
    await grace.open("/admin/events?since=yesterday")
    assert grace.answer.status_code == 422
    await grace.open("/admin/events?kind=role.granted")
    assert "role: r" in grace.text


@pytest.mark.engines("sqlite", "postgresql")  # filters by SQL of its own
async def test_events_come_in_pages_and_are_watched(world: World) -> None:
    grace = await administrator(world, *EVERY)
    for number in range(60):
        await users.create(world.auth, f"u{number}@example.com", None)
    await grace.open("/admin/events?kind=user.created")
    newest = re.findall(r'data-id="([^"]+)"', grace.answer.text)
    assert len(newest) == 50
    await grace.open(next(link for link in grace.page.links if "after=" in link))
    assert "kind=user.created" in str(grace.answer.url)
    assert len(re.findall("data-id", grace.answer.text)) == 10
    await users.create(world.auth, "late@example.com", None)
    await grace.open(f"/admin/events/newer?kind=user.created&than={newest[0]}")
    assert len(re.findall("data-id", grace.answer.text)) == 1
    assert "<html" not in grace.answer.text
    await grace.open(f"/admin/events/newer?who=nobody@example.com&than={newest[0]}")
    assert "data-id" not in grace.answer.text


class Picky:
    """A mail server that takes nothing."""

    def __init__(self, *, permanent: bool) -> None:
        self.permanent = permanent

    async def carry(self, mail: Mail) -> None:
        raise MailFailed("no", permanent=self.permanent)


@pytest.mark.parametrize("permanent", [True, False])
async def test_mails_that_nobody_took_are_sent_again(world: World, permanent: bool) -> None:
    grace = await administrator(world, *EVERY)
    await world.mails(grace.email)
    world.auth.carrier = Picky(permanent=permanent)
    await (await program(world, "bob@example.com")).register()
    await worker.deliver(world.auth)
    await worker.deliver(world.auth)
    await grace.open("/admin/outbox")
    assert ("Not sent verify_email failed" in grace.text, "Next attempt" in grace.text) == (permanent, not permanent)
    assert "bob@example.com" not in grace.text
    world.auth.carrier = world.mailbox
    await grace.send("/retry")
    assert "will be sent in a moment" in grace.text
    assert "verify_email" in grace.text
    assert [mail.kind for mail in await world.mails("bob@example.com")] == ["verify_email"]
    await grace.open("/admin/outbox")
    assert "No emails are queued." in grace.text
    answer = await send(grace, "/admin/outbox/retry", {"mail": str(uuid4())})
    assert (answer.status_code, "This page does not exist" in answer.text) == (404, True)


@pytest.mark.engines("sqlite", "postgresql")  # looks at the outbox itself
async def test_what_expired_is_not_sent_again(world: World) -> None:
    grace = await administrator(world, *EVERY)
    world.auth.carrier = Picky(permanent=True)
    await (await program(world, "bob@example.com")).register()
    await worker.deliver(world.auth)
    await worker.deliver(world.auth)
    [mail] = [row.id for row in (await outbox.listed(world.auth, None, 9, done=True)).items]
    await world.later(hours=25)
    await grace.open("/admin/outbox")
    assert [form.action for form in grace.page.forms] == ["/auth/sign-out"]
    assert (await send(grace, "/admin/outbox/retry", {"mail": str(mail)})).status_code == 404


async def test_the_configuration_hides_its_secrets(world: World) -> None:
    grace = await administrator(world, *EVERY)
    await grace.open("/admin/configuration")
    assert "FAM_AUTH_SESSION_IDLE" in grace.text
    assert "FAM_AUTH_PASSWORD__MINIMUM_LENGTH" in grace.text
    assert "8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2" not in grace.answer.text
    assert "Migrations OK" in grace.text
    for finding in await diagnosis.diagnosed(world.auth):
        assert world.auth.texts.has(f"pages.admin.configuration.check_{finding.check}"), finding


class Hanging:
    """A mail server that answers nothing."""

    async def carry(self, mail: Mail) -> None:
        """Nobody sends anything here."""

    async def check(self) -> None:
        await asyncio.sleep(60)


async def test_the_page_shows_a_check_that_hangs(open_world: OpenWorld) -> None:
    deadline = timedelta(seconds=2)
    world = await open_world(features=[Password(), Role()], hosted=True, request_deadline=deadline)
    grace = await administrator(world, "service:read")
    world.auth.carrier = Hanging()
    await grace.open("/admin/configuration")
    assert "No response within 1.2 s." in grace.text


async def test_all_of_it_in_german(world: World) -> None:
    known = await scene(world)
    grace = await administrator(world, *EVERY)
    grace.http.headers["Accept-Language"] = "de"
    for path in PAGES:
        await grace.open(path.format(**known))
        assert grace.answer.status_code == 200
        assert '<html lang="de"' in grace.answer.text or "/newer" in path
        if not path.endswith("configuration"):  # names and meanings of settings are English everywhere
            assert not re.search(r"\b(?:Search|Sign out|Send|Delete|Suspend|None|Nothing)\b", grace.text)


async def test_without_roles_nobody_administers(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp()], hosted=True)
    ada = await member(world)
    await ada.open("/admin/users")
    assert ada.answer.status_code == 403
