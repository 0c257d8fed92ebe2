"""Themes, templates of hosts, texts and files of the pages."""

import re
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fam_auth import Auth, install
from fam_auth.core.settings import Profile, Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.features.webhook import Webhook
from fam_auth.main import create
from fam_auth.pages import colours, user_agent
from fam_auth.pages.assets import assets
from tests.conftest import MakeAuth
from tests.pages.office import EVERY, administrator
from tests.support.browsing import Browser, browser, member
from tests.support.declared import declared
from tests.support.people import World

# The look of a page does not depend on the database.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
SOURCE = Path(colours.__file__).parents[1]
FILES = [*SOURCE.glob("pages/**/*.html"), *SOURCE.glob("features/*/templates/*.html")]
SETTINGS = Settings(database="sqlite+aiosqlite:///./none.db", profile=Profile.DEVELOPMENT)
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#767676", "#ffffff", 4.54), ("#0000ff", "#ffffff", 8.59)],
)
def test_contrast(one: str, other: str, expected: float) -> None:
    assert colours.contrast(colours.parsed(one), colours.parsed(other)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("accent", ["#0b6862", "#ffff00", "#000000", "#ffffff", "#ff0055", "#7f7f7f", "#0000ff"])
def test_every_accent_can_be_read(accent: str) -> None:
    css = colours.theme(accent)
    found = [colours.parsed(one) for one in re.findall(r"#[0-9a-f]{6}", css)]
    assert len(found) == 4
    for ground, (shown, above) in zip((colours.PAPER, colours.NIGHT), (found[:2], found[2:]), strict=True):
        assert colours.contrast(shown, ground) >= 4.5
        assert colours.contrast(above, shown) >= 4.5


@pytest.mark.parametrize("text", ["red", "#fff", "#12345", "0b6862", "#gggggg", "#0b68620", ""])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|hexadecimal"):
        colours.parsed(text)
    with pytest.raises(Misconfigured, match="FAM_AUTH_PAGE_ACCENT"):
        assets(SETTINGS.model_copy(update={"page_accent": text}))


def test_our_own_colours_can_be_read() -> None:
    css = (SOURCE / "pages/static/pages.css").read_text()
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6}|#fff);", block))
        for block in re.split(r"prefers-color-scheme", css)[:2]
    )
    for tokens in (light, dark):
        found = {name: colours.parsed("#ffffff" if value == "#fff" else value) for name, value in tokens.items()}
        for text in ("ink", "soft", "accent", "bad", "good"):
            for ground in ("paper", "surface", "sunken"):
                assert colours.contrast(found[text], found[ground]) >= 4.5, (text, ground)
        for text, ground in (("bad", "bad-ground"), ("good", "good-ground"), ("on-accent", "accent")):
            assert colours.contrast(found[text], found[ground]) >= 4.5, (text, ground)
        assert colours.contrast(found["edge"], found["surface"]) >= 3


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604",
            ("Safari", "iOS"),
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", ("Chrome", "Android")),
        ("curl/8.5", ("curl", None)),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X)", (None, "macOS")),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_user_agents_in_two_words(agent: str | None, expected: tuple[str | None, str | None]) -> None:
    assert user_agent.described(agent) == expected


def keys(language: str) -> set[str]:
    def flat(prefix: str, table: dict[str, Any]) -> set[str]:
        return {
            key
            for name, value in table.items()
            for key in (flat(f"{prefix}{name}.", value) if isinstance(value, dict) else {prefix + name})
        }

    files = SOURCE.rglob(f"languages/{language}.toml")
    return {key for file in files for key in flat("", tomllib.loads(file.read_text()).get("pages", {}))}


def test_both_languages_say_everything() -> None:
    assert keys("de") == keys("en")


def test_every_text_of_a_template_is_there() -> None:
    said = {key for file in FILES for key in re.findall(r'\bt\("([\w.]+)"[,)]', file.read_text())}
    assert len(said) > 100
    assert said - keys("en") == set()


def test_every_text_of_the_code_is_there() -> None:
    code = "\n".join(file.read_text() for file in SOURCE.rglob("*.py"))
    done = set(re.findall(r'done="(\w+)"', code))
    assert {f"done.{key}" for key in done} == {key for key in keys("en") if key.startswith("done.")}


def test_every_event_is_told_in_words() -> None:
    assert [kind for kind in declared() if f"events.{kind.replace('.', '_')}" not in keys("en")] == []


def test_a_page_is_small() -> None:
    """CSS, script and the largest page of the door, as they travel: 60 kB at most (uncached)."""
    files = assets(SETTINGS)
    assert files.style.packed
    assert files.script.packed
    assert len(files.style.packed) + len(files.script.packed) < 10_000
    assert len(files.style.content) + len(files.script.content) < 40_000


async def test_the_files_are_cached_for_good(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp()], hosted=True)
    ada = await member(world)
    files: list[str] = []
    for path in ("/sign-in/again", "/account/second-factors", "/account/activity"):
        await ada.open(path)
        files = re.findall(r'(?:href|src)="(/auth/static/[^"]+)"', ada.answer.text)
        assert len(files) == 2
        total = len(ada.answer.content)
        for name in files:
            plain = await ada.http.get(name, headers={"Accept-Encoding": "identity"})
            packed = await ada.http.get(name, headers={"Accept-Encoding": "gzip"})
            assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert packed.headers["content-encoding"] == "gzip"
            assert plain.content == packed.content
            assert plain.headers["vary"] == "Accept-Encoding"
            total += len(plain.content)
        assert total < 60_000
    types = {(await ada.http.get(name)).headers["content-type"] for name in files}
    assert types == {"text/css; charset=utf-8", "text/javascript; charset=utf-8"}
    assert (await ada.http.get("/auth/static/pages.000000000000.css")).status_code == 404


async def test_a_theme(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text(LOGO)
    world = await open_world(hosted=True, page_accent="#ff0055", page_logo=tmp_path / "logo.svg", app_name="Acme & Co")
    page = await (await browser(world)).open("/sign-in")
    assert "Sign in to Acme & Co" in page.text
    image = re.findall(r'<img src="([^"]+)" alt="Acme &amp; Co">', page.answer.text)[0]
    logo = await page.http.get(image)
    assert (logo.text, logo.headers["content-type"]) == (LOGO, "image/svg+xml")
    assert "default-src 'none'" in logo.headers["content-security-policy"]
    style = await page.http.get(re.findall(r'href="([^"]+\.css)"', page.answer.text)[0])
    assert colours.theme("#ff0055") in style.text


@pytest.mark.parametrize("name", ["none.svg", "logo.gif", "large.png"])
def test_what_is_no_logo(name: str, tmp_path: Path) -> None:
    (tmp_path / "logo.gif").write_bytes(b"GIF")
    (tmp_path / "large.png").write_bytes(bytes(100_001))
    with pytest.raises(Misconfigured, match="FAM_AUTH_PAGE_LOGO"):
        assets(SETTINGS.model_copy(update={"page_logo": tmp_path / name}))


def test_a_bitmap_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    logo = assets(SETTINGS.model_copy(update={"page_logo": tmp_path / "logo.png"})).logo
    assert logo is not None
    assert (logo.packed, logo.media_type) == (None, "image/png")


async def test_templates_of_the_host_come_first(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "sign_in.html").write_text('{% extends "door.html" %}{% block card %}<h1>Welcome!</h1>{% endblock %}')
    (tmp_path / "password").mkdir()
    (tmp_path / "password" / "forgot.html").write_text("{{ t('forgot.title') }} by {{ page.auth.settings.app_name }}")
    world = await open_world(hosted=True, page_templates=tmp_path)
    guest = await browser(world)
    assert "Welcome!" in (await guest.open("/sign-in")).text
    assert (await guest.open("/forgot-password")).answer.text == "Forgot your password? by fam-auth"


async def test_a_template_of_the_host_may_extend_the_one_that_it_replaces(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    mark = '{% block head %}{{ super() }}<link rel="stylesheet" href="/acme.css">{% endblock %}'
    (tmp_path / "layout.html").write_text('{% extends "fam_auth/layout.html" %}' + mark)
    (tmp_path / "password").mkdir()
    lead = "{% block after %}<p>Ask us.</p>{{ super() }}{% endblock %}"
    (tmp_path / "password" / "forgot.html").write_text('{% extends "fam_auth/password/forgot.html" %}' + lead)
    world = await open_world(features=[Password(), Otp(), Role()], hosted=True, page_templates=tmp_path)
    grace = await administrator(world, *EVERY)
    for path in ("/sign-in/again", "/account", "/admin/users"):
        await grace.open(path)
        assert '<link rel="stylesheet" href="/acme.css">' in grace.answer.text
        assert re.search(r'href="/auth/static/pages\.\w+\.css"', grace.answer.text)
    assert "Ask us. Back to sign in" in (await (await browser(world)).open("/forgot-password")).text


async def test_texts_of_the_host_come_first(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "ar.toml").write_text(
        '[language]\nname = "العربية"\ndirection = "rtl"\n[pages.sign_in]\ntitle = "دخول"'
    )
    world = await open_world(hosted=True, texts=tmp_path)
    guest = await browser(world, **{"Accept-Language": "ar"})
    await guest.open("/sign-in")
    assert '<html lang="ar" dir="rtl">' in guest.answer.text
    assert "<title>دخول" in guest.answer.text


def test_pages_need_cookies(make_auth: MakeAuth) -> None:
    with pytest.raises(Misconfigured, match="FAM_AUTH_TRANSPORTS"):
        install(FastAPI(), make_auth(transports="bearer"), pages=True)


@pytest.mark.parametrize(
    ("settings", "status"), [({}, 200), ({"pages": False}, 404), ({"transports": "bearer"}, 404)], ids=repr
)
def test_the_service_has_pages(tmp_path: Path, settings: dict[str, Any], status: int) -> None:
    auth = Auth(f"sqlite+aiosqlite:///{tmp_path}/x.db", features=[Password()], **settings)
    with TestClient(create(auth)) as http:
        assert http.get("/auth/sign-in", headers={"Accept": "text/html"}).status_code == status


async def test_a_host_may_live_below_a_path(make_auth: MakeAuth) -> None:
    outer, inner = FastAPI(), FastAPI()
    install(inner, make_auth(), prefix="/id", pages=True)
    outer.mount("/shop", inner)
    page = TestClient(outer).get("/shop/id/sign-in").text
    assert 'action="/shop/id/sign-in"' in page
    assert re.findall(r'href="/shop/id/static/pages\.[0-9a-f]{12}\.css"', page)


async def test_without_pages_a_link_of_a_mail_is_nothing(open_world: OpenWorld) -> None:
    world = await open_world()
    answer = await (await browser(world)).http.get("/auth/verify-email")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_page_of_somebody_without_a_feature(open_world: OpenWorld) -> None:
    world = await open_world(hosted=True)
    ada: Browser = await member(world)
    await ada.open("/account")
    assert "Two-factor authentication" not in ada.text


async def test_a_feature_may_have_no_pages(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Webhook()], hosted=True)
    assert (await (await world.client()).get("/auth/sign-in")).status_code == 200
