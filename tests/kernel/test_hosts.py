"""Hosts and origins: every spelling of one is equal, wherever it is compared."""

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from fam_auth import Auth
from fam_auth.core import hosts
from fam_auth.core.settings import Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password import Password
from fam_auth.pages.redirects import allowed
from tests.conftest import SECRETS, new_auth
from tests.support.people import PASSWORD, World

OpenWorld = Callable[..., Awaitable[World]]
IDN, ALABEL = "münchen.example", "xn--mnchen-3ya.example"
WIDE: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        (IDN, ALABEL),
        ("MÜNCHEN.Example.", ALABEL),
        (ALABEL.upper(), ALABEL),
        ("straße.example", "xn--strae-oqa.example"),
        ("strasse.example", "strasse.example"),
        ("auth_1.internal", "auth_1.internal"),
        ("[::1]", "::1"),
        ("0:0::1", "::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("*.example.com", None),
        ("a b", None),
        ("a/b", None),
        ("[::g]", None),
        ("\ufffd.example", None),
        ("½.example", None),
        ("ü" * 300, None),
    ],
)
def test_a_host_has_one_form(host: str, canonical: str | None) -> None:
    assert hosts.canonical(host) == canonical
    assert canonical is None or hosts.canonical(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (f"https://{IDN}", f"https://{ALABEL}"),
        (f"HTTPS://{IDN.upper()}.:443", f"https://{ALABEL}"),
        ("https://a.example:", "https://a.example"),
        ("https://a.example:0443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://[0::1]:8000", "http://[::1]:8000"),
        ("https://a.example/", None),
        ("https://a.example?x", None),
        ("https://user@a.example", None),
        ("https://a.example:65536", None),
        ("https://a.example:0", None),
        ("https://a.example:000", None),
        ("https://a.example\\@b.example", None),
        ("https://*.example", None),
        ("ftp://a.example", None),
        ("a.example", None),
        ("null", None),
        ("", None),
    ],
)
def test_an_origin_has_one_form(text: str, origin: str | None) -> None:
    assert hosts.origin(text) == origin
    assert origin is None or hosts.origin(origin) == origin


def test_a_host_is_shown_in_unicode_and_used_as_a_domain() -> None:
    assert [hosts.readable(one) for one in (ALABEL, "a.example", "xn--zzzzzzzz99")] == [
        IDN,
        "a.example",
        "xn--zzzzzzzz99",
    ]
    assert [hosts.behind_at(one) for one in (ALABEL, "::1", "192.0.2.1")] == [ALABEL, "[IPv6:::1]", "[192.0.2.1]"]


@pytest.mark.parametrize("url", [f"https://{IDN}/", f"https://{IDN.upper()}:443", f"https://{ALABEL}."])
def test_a_public_url_of_other_letters_works_in_its_a_labels(url: str) -> None:
    settings = Settings(**{**WIDE, "public_url": url})
    assert (settings.public_url, settings.host, settings.mail_host) == (f"https://{ALABEL}", ALABEL, IDN)
    assert settings.sender.address == f"no-reply@{ALABEL}"
    assert settings.mail_domain == ALABEL


@pytest.mark.parametrize(
    "url",
    ["https://a.example?x", "https://a.example/#x", "ftp://a.example", "https://u:p@a.example", "https://[x", "a"],
)
def test_an_invalid_public_url_stops_the_start(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"FAM_AUTH_PUBLIC_URL: .*must be a URL such as"):
        Settings(**{**WIDE, "public_url": url})


def test_links_in_mails_lead_to_the_a_labels() -> None:
    links = {"verify_email": f"https://{IDN}/verify#token={{token}}", "reset_password": "acme://reset#token={token}"}
    settings = {**WIDE, "public_url": f"https://{IDN}/app/", "links": links}
    auth = Auth("postgresql+psycopg://localhost/app", features=[Password()], **settings)
    assert auth.link("verify_email", "t") == f"https://{ALABEL}/verify#token=t"
    assert auth.link("reset_password", "t") == "acme://reset#token=t"
    assert auth.link("undo_email_change", "t") == f"https://{ALABEL}/app/auth/undo-email-change#token=t"


@pytest.mark.parametrize("name", ["auth.internal:8000", "*", "https://auth.internal"])
def test_an_invalid_allowed_host_stops_the_start(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"FAM_AUTH_ALLOWED_HOSTS: .*must be host names without ports"):
        Settings(**{**WIDE, "allowed_hosts": name})


OWN = [
    f"https://{ALABEL}",
    f"https://{ALABEL.upper()}:443",
    f"https://{ALABEL}.",
    f"https://{IDN}",
    f"https://{IDN.upper()}",
]
FOREIGN = [
    f"http://{ALABEL}",
    f"https://{ALABEL}:8443",
    f"https://evil.{ALABEL}",
    f"https://{ALABEL}.evil.example",
    f"https://{ALABEL}/",
    "https://munchen.example",
    "null",
    "",
]


@pytest.mark.parametrize("setting", ["public_url", "allowed_origins"])
async def test_our_origin_is_recognized_in_every_spelling(open_world: OpenWorld, setting: str) -> None:
    world = await open_world(email_verification=False, **{setting: f"https://{IDN.upper()}:443"})
    client = await world.client()
    for origin, status in (*((one, 401) for one in OWN), *((one, 403) for one in FOREIGN)):
        # One of its own for each, so that the throttle stays out of it.
        body = {"email": f"n{abs(hash(origin))}@example.com", "password": PASSWORD}
        answer = await client.post("/auth/login", json=body, headers=[(b"Origin", origin.encode())])
        assert answer.status_code == status, origin


async def test_the_service_accepts_its_host_in_every_spelling(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    main = importlib.import_module("fam_auth.main")
    names = {"public_url": f"https://{IDN}", "allowed_hosts": "Straße.internal"}
    auth = new_auth(str(world.auth.database.url), world.clock, world.mailbox, **names)
    way = httpx2.ASGITransport(main.create(auth))
    good = [
        ALABEL,
        f"{ALABEL.upper()}:443",
        f"{ALABEL}.",
        IDN,
        "XN--STRAE-OQA.internal.:8000",
        "straße.internal",
        "[0::1]:80",
    ]
    bad = ["strasse.internal", f"evil@{ALABEL}", f"{ALABEL}:x", "munchen.example", "\ufffd", "", "[evil"]
    async with httpx2.AsyncClient(transport=way, base_url="https://app.example.com") as client:
        for host in (*good, *bad):
            answer = await client.get("/auth/config", headers=[(b"Host", host.encode())])
            assert answer.status_code == (200 if host in good else 400), host
    await auth.close()


async def test_a_service_at_a_socket_file_answers_to_no_name_that_is_none(world: World) -> None:
    main = importlib.import_module("fam_auth.main")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    known = main.KnownHosts(world.app, ["app.example.com"], "/auth/health/")
    for server in (None, ("/run/fam-auth.sock", None)):
        headers = [(b"host", b"[evil")]
        await known({"type": "http", "path": "/", "headers": headers, "server": server, "app": world.app}, None, send)
    assert [message["status"] for message in sent if "status" in message] == [400, 400]


@pytest.mark.parametrize(
    ("wanted", "is_allowed"),
    [
        (f"https://{ALABEL}/x", True),
        (f"HTTPS://{ALABEL.upper()}.:443/x", True),
        ("https://shop.example:443?x", True),
        (f"https://{ALABEL}:444/", False),
        (f"http://{ALABEL}/", False),
        (f"https://u@{ALABEL}/", False),
        ("https:///shop.example", False),
    ],
)
def test_a_redirect_may_lead_to_our_origins_in_every_spelling(wanted: str, is_allowed: bool) -> None:
    settings = Settings(**{**WIDE, "public_url": f"https://{IDN}", "allowed_origins": "https://SHOP.example:443"})
    assert allowed(settings, wanted) == (wanted if is_allowed else None)
