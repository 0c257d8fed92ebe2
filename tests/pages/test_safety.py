"""What must not happen on a page, each by its number."""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest
from fastapi import Response
from fastapi.routing import APIRoute
from sqlalchemy import select

from fam_auth.core.settings import Profile, Settings
from fam_auth.dependencies import needs
from fam_auth.feature import Feature, Pages
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.http.access_rules import rules
from fam_auth.models import Session
from fam_auth.pages import new_router
from fam_auth.pages.mount import KERNEL
from fam_auth.pages.redirects import allowed
from fam_auth.repository.data_access.managers import users
from tests.pages.office import EVERY, administrator
from tests.support.browsing import Browser, browser, member, program
from tests.support.people import PASSWORD, World
from tests.support.tables import dump

# What a page shows and refuses does not depend on the database.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
SETTINGS = Settings(database="sqlite+aiosqlite:///./none.db", profile=Profile.DEVELOPMENT)
ID = "01a20848-d2fa-7000-8711-e6df57d92ff5"
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! type=\"module\" src=)")
NEW = "eleven purple yaks"
LIVELY = ["<script>alert(1)</script>\"'", "{{7*7}}", "${7*7}", "{% raw %}", "&lt;b&gt;"]


def paths(method: str) -> Iterator[str]:
    """The path of every page that is asked for by this method."""
    features = [one for feature in (Password(), Otp(), Role()) if (one := feature.pages(SETTINGS))]
    routers = [*KERNEL, *(router for one in features for router in one.routers)]
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and method in (route.methods or ()):
                yield "/auth" + re.sub(r"\{\w+_id\}", ID, route.path).replace("{name}", "pages.css")


POSTS, GETS = sorted(paths("POST")), sorted(paths("GET"))
ACCOUNT = [path for path in GETS if path.startswith("/auth/account") and ID not in path and "deleted" not in path]
OFFICE = [path for path in GETS if path.startswith("/auth/admin/") and "/newer" not in path]


def is_page(answer: httpx2.Response) -> bool:
    return answer.headers.get("content-type") == "text/html; charset=utf-8" and answer.text.startswith(
        "<!doctype html>"
    )


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """An application with everything that has a page."""
    return await open_world(features=[Password(), Otp(), Role()], hosted=True, trusted_proxies="192.0.2.0/24")


@pytest.fixture
async def grace(world: World) -> Browser:
    """An administrator, who may do everything, and whose session knows it."""
    return await (await administrator(world, *EVERY)).open("/account")


async def about(world: World, person: Browser) -> str:
    """The id of somebody, in place of that in the paths."""
    return str((await users.found(world.auth, person.email)).id)


async def test_no_page_stands_in_the_document(world: World) -> None:
    documented = world.app.openapi()["paths"]
    assert {path for path in (*POSTS, *GETS) if path in documented and path != "/auth/login"} == set()


async def test_every_page_says_what_it_asks_for(world: World) -> None:
    assert [rule.path for rule in rules(world.app) if rule.asks == "nothing" and rule.path.startswith("/auth")] == []


async def test_s105_a054_a056_no_other_site_sends_a_form(world: World, ada: Browser, grace: Browser) -> None:
    guest, user = await browser(world), await about(world, ada)
    before = await dump(world)
    for path in [one.replace(ID, user) if "/users/" in one else one for one in POSTS]:
        for client in (ada.http, guest.http, grace.http):
            for headers in (
                {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
                {"Sec-Fetch-Site": "same-site"},
            ):
                answer = await client.post(path, headers=headers, data={"email": ada.email, "password": PASSWORD})
                assert (answer.status_code, is_page(answer), path) == (403, True, path)
            del client.headers["Sec-Fetch-Site"]
            for origin in ("https://evil.example", "null", "https://app.example.com.evil.example"):
                answer = await client.post(path, headers={"Origin": origin}, data={"email": ada.email})
                assert (answer.status_code, path) == (403, path)
            client.headers["Sec-Fetch-Site"] = "same-origin"
    assert await dump(world) == before


async def test_s105_a054_no_other_site_has_a_code_sent(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp(email_code=True)], hosted=True)
    theirs = await member(world)
    assert theirs.path == "/auth/sign-in/email-code"
    before = await dump(world)
    for path in ("/auth/sign-in/email-code", "/auth/sign-in/email-code/send"):
        answer = await theirs.http.post(path, headers={"Sec-Fetch-Site": "cross-site"}, data={"code": "123456"})
        assert (answer.status_code, is_page(answer)) == (403, True)
    assert await dump(world) == before


async def test_a056_what_says_nothing_of_its_site_may_sign_in(world: World, ada: Browser) -> None:
    plain = await world.client()
    answer = await plain.post("/auth/sign-in", data={"email": ada.email, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/account")


async def test_s058_a011_a057_opening_changes_nothing(world: World, ada: Browser, grace: Browser) -> None:
    user = await about(world, ada)
    await ada.open("/account/email")
    await ada.send("/email", email="ada@example.org")
    other = await browser(world, ada.email)
    await other.open("/forgot-password")
    await other.send(email=ada.email)
    await other.open("/account/second-factors")
    token = await other.token("reset_password")
    before = await dump(world)
    for client in (ada.http, other.http, grace.http):
        for path in [one.replace(ID, user) if "/users/" in one else one for one in GETS]:
            for _ in range(2):
                await client.get(path, params={"token": token, "code": "123456"})
                await client.head(path)
    assert await dump(world) == before
    await other.open("/reset-password")
    assert other.answer.headers["referrer-policy"] == "no-referrer"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', other.answer.text)
    assert [one for one in loaded if not one.startswith(("/auth/", "data:"))] == []
    await other.send(token=token, new_password=NEW)
    assert other.path == "/auth/sign-in"


async def test_s106_s109_headers_of_every_page(world: World, ada: Browser, grace: Browser) -> None:
    guest, user = await browser(world), await about(world, ada)
    gets = [path.replace(ID, user) if "/users/" in path else path for path in GETS]
    for client in (ada.http, guest.http, grace.http):
        for answer in [await client.get(path) for path in gets] + [await client.post(path) for path in POSTS[:3]]:
            assert answer.headers["cache-control"] == "no-store", answer.url
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "base-uri 'none'" in policy
            assert "object-src 'none'" in policy or not is_page(answer)
            assert "unsafe" not in policy


async def test_s106_no_script_and_no_style_in_a_page(world: World, ada: Browser, grace: Browser) -> None:
    user = await about(world, ada)
    for theirs, paths in ((ada, GETS), (grace, OFFICE)):
        for path in paths:
            page = (await theirs.http.get(path.replace(ID, user), follow_redirects=True)).text
            assert not INLINE.search(page), path
    await ada.open("/account/second-factors")
    await ada.enrol()
    for answer in ada.answers[-2:]:  # the QR code and the recovery codes
        assert answer.headers["content-security-policy"]
        assert not INLINE.search(answer.text)


async def test_a058_no_page_is_framed(world: World, ada: Browser, grace: Browser) -> None:
    user = await about(world, ada)
    for theirs, paths in ((ada, GETS), (grace, OFFICE)):
        for path in paths:
            answer = await theirs.http.get(path.replace(ID, user))
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path


async def test_s104_cookies_of_pages(world: World, ada: Browser) -> None:
    await ada.open("/account/password")
    await ada.send(current_password=PASSWORD, new_password=NEW)
    lines = [line for answer in ada.answers for line in answer.headers.get_list("set-cookie")]
    names = set()
    for line in lines:
        for name, morsel in SimpleCookie(line).items():
            names.add(name)
            flags = (bool(morsel["secure"]), bool(morsel["httponly"]), morsel["samesite"].lower(), morsel["path"])
            assert (name[:7], *flags, morsel["domain"]) == ("__Host-", True, True, "lax", "/", ""), line
    assert names >= {"__Host-fam_session", "__Host-fam_device", "__Host-fam_login", "__Host-fam_done"}
    values = [value for line in lines if len(value := line.partition("=")[2].partition(";")[0]) > 10]
    assert not [value for value in values for answer in ada.answers if value in answer.text]


async def test_a_note_that_somebody_made_up_is_none(world: World) -> None:
    theirs = await browser(world, Cookie="__Host-fam_done=forged; __Host-fam_mailbox=AAAA")
    assert "notice" not in (await theirs.open("/sign-in")).answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_s107_no_other_origin_reads_a_page(world: World, ada: Browser, origin: str) -> None:
    for path in ("/auth/account", "/auth/sign-in"):
        answer = await ada.http.get(path, headers={"Origin": origin})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_s108_the_address_of_a_session_is_the_sockets(world: World, ada: Browser) -> None:
    other = await browser(world, ada.email, **{"X-Forwarded-For": "203.0.113.9"})
    await other.sign_in()
    addresses = [row.address for row in await world.auth.database.rows(select(Session.address))]
    assert addresses == ["127.0.0.1", "127.0.0.1"]
    assert "203.0.113.9" not in (await other.open("/account/sessions")).text


async def test_s117_nothing_stays_in_the_browser(world: World, ada: Browser) -> None:
    await ada.open("/account")
    await ada.leave()
    away = ada.answers[-2]
    assert (away.status_code, away.headers["clear-site-data"]) == (303, '"cookies", "storage"')
    assert (await ada.open("/account")).path == "/auth/sign-in"
    assert (await ada.http.post("/auth/sign-out")).headers["location"].startswith("/auth/sign-in")


async def test_s053_every_page_of_the_account_offers_to_sign_out(world: World, ada: Browser) -> None:
    for path in (*ACCOUNT, "/auth/sign-in/again"):
        await ada.open(path)
        assert [form for form in ada.page.forms if form.action == "/auth/sign-out"], path


async def test_s053_every_page_of_administrators_offers_to_sign_out(world: World, ada: Browser, grace: Browser) -> None:
    user = await about(world, ada)
    for path in OFFICE:
        await grace.open(path.replace(ID, user))
        assert (grace.answer.status_code, path) == (200, path)
        assert [form for form in grace.page.forms if form.action == "/auth/sign-out"], path
    await grace.leave()
    assert grace.path == "/auth/signed-out"


async def test_s008_password_managers_and_pasting(world: World, ada: Browser) -> None:
    guest = await browser(world)
    expected = {
        "/sign-in": {"email": "username", "password": "current-password"},
        "/sign-up": {"name": "name", "email": "username", "password": "new-password"},
        "/forgot-password": {"email": "username"},
        "/check-mail": {"email": "username", "code": "one-time-code"},
        "/reset-password": {"token": "off", "new_password": "new-password"},
    }
    signed_in = {
        "/sign-in/again": {"": "username", "password": "current-password"},
        "/account/password": {"": "username", "current_password": "current-password", "new_password": "new-password"},
    }
    for theirs, pages in ((guest, expected), (ada, signed_in)):
        for path, fields in pages.items():
            form = (await theirs.open(path)).page.forms[0 if theirs is guest or "again" in path else -1]
            assert {name: one.get("autocomplete") for name, one in form.fields.items()} == fields, path
            for name, one in form.fields.items():
                assert ("password" in name) == (one["type"] == "password")
            assert not re.search('onpaste|oncopy|autocomplete="off"[^>]*password', theirs.answer.text)
    await ada.open("/account/second-factors")
    await ada.send("/devices")
    assert ada.page.forms[0].fields["code"]["autocomplete"] == "one-time-code"


GOOD = ["/", "/app", "/auth/account?x=1#y", "https://app.example.com/a", "https://shop.example.com/", "/%2F%2Fevil"]
BAD = [
    "", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "https://evil.example",
    "https://app.example.com.evil.example", "https://app.example.com@evil.example", "http://app.example.com/",
    "https:evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", " /x", "/x\r\nSet-Cookie: a=b",
    "https://shop.example.com:444/", "https://[", "/" + "x" * 3000, "https://\u0430pp.example.com", "///evil.example",
]  # fmt: skip


@pytest.mark.parametrize("wanted", [*GOOD, *BAD])
def test_s098_a080_where_a_redirect_may_lead(wanted: str) -> None:
    settings = SETTINGS.model_copy(
        update={"public_url": "https://app.example.com", "allowed_origins": ("https://shop.example.com",)}
    )
    assert allowed(settings, wanted) == (wanted if wanted in GOOD else None)
    assert allowed(settings, None) is None


async def test_s098_a080_signing_in_leads_where_it_may(open_world: OpenWorld) -> None:
    world = await open_world(
        hosted=True, email_verification=False, allowed_origins="https://shop.example.com", page_home="/welcome"
    )
    await (await browser(world)).sign_up()
    for wanted, leads in [("//evil.example", "/welcome"), *((one, one) for one in GOOD if "%" not in one)]:
        theirs = await browser(world)
        await theirs.open(f"/sign-in?{httpx2.QueryParams(next=wanted)}")
        form = theirs.page.forms[0]
        answer = await theirs.http.post(form.action, data={"email": theirs.email, "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, leads)
        assert "form-action 'self' https://shop.example.com" in theirs.answer.headers["content-security-policy"]


async def test_a081_an_error_leads_nowhere(world: World) -> None:
    guest = await browser(world)
    await guest.open("/sign-in?next=https://evil.example")
    answer = await guest.http.post(
        "/auth/sign-in?next=https://evil.example", data={"email": guest.email, "password": "wrong"}
    )
    assert (answer.status_code, "evil" in answer.text, "location" in answer.headers) == (401, False, False)
    assert (await guest.http.get("/auth/account?next=//evil.example")).headers["location"] == (
        "/auth/sign-in?next=%2Fauth%2Faccount"
    )


async def test_a082_forms_are_answered_by_303(world: World, ada: Browser) -> None:
    sent = [answer for answer in ada.answers if answer.request.method == "POST"]
    await ada.open("/account/password")
    await ada.send(current_password=PASSWORD, new_password=NEW)
    sent.append(ada.answers[-2])
    assert {answer.status_code for answer in sent} == {303}


async def called(world: World, text: str) -> Browser:
    """Somebody signed in whose name, device and browser are called like that."""
    theirs = await browser(world, **{"User-Agent": text.encode("ascii", "replace").decode()})
    await theirs.sign_up()
    await theirs.verify()
    await theirs.sign_in()
    await theirs.open("/account")
    await theirs.send("/account", name=text)
    await theirs.open("/account/second-factors")
    await theirs.send("/devices", name=text)
    theirs.secret = re.findall(r'data-plain="(\w+)"', theirs.answer.text)[0]
    await theirs.send(code=theirs.code())
    return theirs


@pytest.mark.parametrize("text", LIVELY)
async def test_a083_what_people_write_is_shown_as_text(world: World, text: str) -> None:
    theirs = await called(world, text)
    shown = {}
    for path in ACCOUNT:
        shown[path] = (await theirs.open(path)).answer.text
    guest = await browser(world)
    for path in ("/sign-in", "/verify-email", "/check-mail"):
        await guest.open(f"{path}?{httpx2.QueryParams(next=text, error=text, token=text)}")
        shown[path] = guest.answer.text
    await guest.open("/sign-in")
    await guest.send("/sign-in", email=text, password=text)
    shown["error"] = guest.answer.text
    assert not [path for path, page in shown.items() if "<script>alert" in page or ">49" in page or '"49' in page]
    assert text in (await theirs.open("/account")).page.forms[-1].fields["name"]["value"]
    assert text in (await theirs.open("/account/second-factors")).text


@pytest.mark.parametrize("text", LIVELY)
async def test_a083_what_people_write_is_shown_to_administrators_as_text(world: World, text: str) -> None:
    theirs = await called(world, text)
    grace, user = await administrator(world, *EVERY), await about(world, theirs)
    await grace.open("/admin/roles")
    await grace.send("/create", name="helper", description=text)
    await grace.open(f"/admin/users/{user}/roles")
    await grace.send("/grant", role="helper", scope=text)
    shown = {path: (await grace.open(path.replace(ID, user))).answer.text for path in OFFICE}
    await grace.open(f"/admin/users/{user}")
    await grace.send("/suspend", reason=text)
    shown["suspended"] = grace.answer.text
    for path in ("/admin/users?search=", "/admin/events?who=", "/admin/events?kind="):
        shown[path] = (await grace.open(path + str(httpx2.QueryParams(x=text))[2:])).answer.text
    assert not [path for path, page in shown.items() if "<script>alert" in page or re.search(r'[>"]\s*49', page)]
    told = [page for page in shown if text in words(shown[page])]
    assert {path.rpartition("/")[2] for path in told} >= {"users", "second-factors", "roles", "suspended", "events"}


def words(page: str) -> str:
    """What one reads in a page."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"email=" + b"a" * 65_536, "application/x-www-form-urlencoded", 413),
        (b'{"email": "x"}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"email=a%FF&password=x", "application/x-www-form-urlencoded", 422),
        (b"email=\xff", "application/x-www-form-urlencoded", 422),
        (b"email=a@example.com&email=b@example.com&password=x", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"f%d=1" % number for number in range(60)), "application/x-www-form-urlencoded", 422),
        (b"email=ada%00@example.com&password=x", "application/x-www-form-urlencoded", 422),
        (b"email=ada@example.com&password=x&admin=1", "application/x-www-form-urlencoded", 422),
        (b"", "application/x-www-form-urlencoded", 422),
    ],
)
async def test_forms_that_no_browser_sends(world: World, content: bytes, kind: str, status: int) -> None:
    guest = await browser(world)
    answer = await guest.http.post("/auth/sign-in", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, is_page(answer)) == (status, True)
    assert "Traceback" not in answer.text


async def test_pages_that_are_not_there(world: World, ada: Browser) -> None:
    answer = await ada.http.get("/auth/nowhere")
    assert (answer.status_code, is_page(answer), "Page not found" in answer.text) == (404, True, True)
    assert answer.headers["cache-control"] == "no-store"
    assert (await ada.http.get("/auth/nowhere", headers={"Accept": "*/*"})).json()["code"] == "not_found"
    assert (await ada.http.post("/auth/nowhere")).json()["code"] == "not_found"
    answer = await ada.http.get("/auth/account/second-factors/devices/1")
    assert (answer.status_code, is_page(answer)) == (422, True)
    answer = await ada.http.get(f"/auth/account/second-factors/devices/{ID}")
    assert (answer.status_code, is_page(answer)) == (404, True)
    assert (await ada.http.get("/auth/account/activity?after=x")).status_code == 422
    assert (await ada.http.get("/auth/sign-in?next=/a&next=/b")).status_code == 422


async def test_what_breaks_shows_no_stack(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "sign_in.html").write_text("{{ 1 / 0 }}")
    world = await open_world(hosted=True, page_templates=tmp_path)
    answer = await (await browser(world)).http.get("/auth/sign-in")
    assert (answer.status_code, is_page(answer), "Something went wrong" in answer.text) == (500, True, True)
    assert answer.headers["x-request-id"] in answer.text
    assert "division" not in answer.text


VICTIM = "victoria@example.com"
BAD_BODIES = [b"a=1&a=2", b"\xff\xfe", b"x" * 70_000, b"nothing=1"]


async def test_a_form_that_is_refused_shows_its_page_to_nobody_who_may_not_open_it(world: World, ada: Browser) -> None:
    """Whatever is wrong with what was sent: who may not open the page is not shown it beside the reason."""
    victim = await users.create(world.auth, VICTIM, "Victoria", verified=True)
    nobody, checked = await browser(world), 0
    for rule in rules(world.app):
        if rule.method != "POST" or not rule.path.startswith("/auth/admin/"):
            continue
        path = re.sub(r"{\w+}", str(victim.id), rule.path)
        for content in (b"understood=yes&reason=x", *BAD_BODIES):
            for person, statuses in ((ada, {403, 413}), (nobody, {303, 413})):
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = await person.http.post(path, content=content, headers=headers, follow_redirects=False)
                assert answer.status_code in statuses, (path, content[:20], answer.status_code)
                assert VICTIM not in answer.text
                checked += 1
    assert checked > 50


@pytest.mark.parametrize("content", BAD_BODIES)
async def test_a_form_that_cannot_be_read_leads_who_is_not_signed_in_to_sign_in(world: World, content: bytes) -> None:
    nobody = await browser(world)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/auth/account", "/auth/account/password", "/auth/account/delete", "/auth/sign-in/again"):
        answer = await nobody.http.post(path, content=content, headers=headers, follow_redirects=False)
        assert answer.status_code in {303, 413}, path


async def test_who_comes_with_a_bearer_token_sees_their_pages(world: World) -> None:
    bob = await program(world)
    await bob.register()
    await bob.verify()
    await bob.login()
    for path in ("", "/email", "/password", "/sessions", "/activity", "/delete", "/second-factors"):
        assert (await bob.http.get(f"/auth/account{path}")).status_code == 200


slow = new_router()


@slow.get("/slow", dependencies=[needs.public])
async def takes_too_long() -> Response:
    """Waits for something that does not come."""
    await asyncio.sleep(60)
    return Response()


class Slow(Feature):
    """Brings a page that takes too long."""

    name: ClassVar[str] = "slow"

    def pages(self, settings: Settings) -> Pages:
        return Pages(routers=(slow,), templates=Path(__file__).parent)


async def test_a_page_that_takes_too_long(open_world: OpenWorld) -> None:
    hurried = await open_world(features=[Password(), Slow()], hosted=True, request_deadline=timedelta(milliseconds=100))
    answer = await (await browser(hurried)).http.get("/auth/slow")
    assert (answer.status_code, is_page(answer), "try again in a moment" in answer.text) == (503, True, True)
    assert answer.headers["retry-after"] == "2"


async def test_too_many_tries_are_told_with_how_long_to_wait(world: World, ada: Browser) -> None:
    other = await browser(world, ada.email)
    for _ in range(12):
        await other.sign_in("wrong")
    assert (other.answer.status_code, 'class="notice bad"' in other.answer.text) == (429, True)
