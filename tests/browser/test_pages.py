"""The stories of the pages, as one sees them in Chromium."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.looking import DEMANDED, NEW, OPEN, PASSWORD, SHOTS, STORY, VIEWS, View, Visitor, chromium, visitor
from tests.support.service import Service

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604"


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_from_registration_to_farewell(chromium_path: str, acme: Service, view: View) -> None:
    with chromium(chromium_path) as browser:
        ada = visitor(browser, acme, view, view.email)
        arrives(ada)
        codes = enrols(ada)
        signs_in_with_both(ada)
        phone = visitor(browser, acme, view, ada.email, user_agent=PHONE)
        recovers(phone, codes[0])
        proves_again(ada, codes[1])
        ends_the_other_session(ada, phone)
        keeps_the_account_in_order(ada)
        leaves(ada)
        assert ada.faults + phone.faults == []
        assert ada.seen | phone.seen >= STORY


def arrives(ada: Visitor) -> None:
    """Registers, verifies the address, signs in."""
    ada.open("/sign-in")
    ada.look("sign-in")
    ada.open("/sign-up")
    ada.look("sign-up")
    ada.press("/sign-up", name="Ada Lovelace", email=ada.email, password="password1")
    ada.look("sign-up-refused", picture=False)
    if ada.view.script:
        ada.page.fill("[name=password]", "short")
        ada.page.wait_for_selector("#password-said[data-is=bad]")
        ada.page.fill("[name=password]", PASSWORD)
        ada.page.wait_for_selector("#password-said[data-is=good]")
    ada.press("/sign-up", password=PASSWORD)
    ada.look("check-mail")
    ada.follow(ada.link("verify_email"))
    assert "famp_" not in ada.page.url or not ada.view.script
    ada.look("verify-email")
    ada.press("/verify-email")
    assert ada.path == "/sign-in"
    ada.press("/sign-in", email=ada.email, password="wrong")
    ada.look("sign-in-refused", picture=False)
    ada.press("/sign-in", password=PASSWORD)
    assert ada.path == "/account"
    ada.look("profile")


def enrols(ada: Visitor) -> list[str]:
    """Adds an authenticator."""
    ada.open("/account/second-factors")
    ada.look("second-factors-none", picture=False)
    ada.press("/devices")
    ada.secret = str(ada.page.get_attribute("#secret", "data-plain"))
    ada.look("add-authenticator")
    ada.press("/devices/", code="000000")
    assert ada.page.locator("#code-error").count() == 1
    ada.press("/devices/", code=ada.code(-1))  # the step before, so that the next one is there for signing in
    ada.look("recovery-codes")
    codes: list[str] = ada.page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    return codes


def signs_in_with_both(ada: Visitor) -> None:
    ada.open("/account")
    ada.page.locator("header form button").click()
    ada.page.wait_for_load_state()
    ada.look("signed-out")
    ada.open("/sign-in")
    ada.press("/sign-in", email=ada.email, password=PASSWORD)
    ada.look("authenticator")
    ada.press("/sign-in/authenticator", code=ada.code())
    assert ada.path == "/account"


def recovers(phone: Visitor, code: str) -> None:
    phone.open("/sign-in")
    phone.press("/sign-in", email=phone.email, password=PASSWORD)
    phone.page.locator("a.choice").click()
    phone.page.wait_for_url("**/sign-in/recovery-code*")
    phone.look("recovery-code")
    phone.press("/sign-in/recovery-code", code=code)
    assert phone.path == "/account"


def proves_again(ada: Visitor, code: str) -> None:
    ada.open("/sign-in/again?next=/auth/account/second-factors")
    ada.look("confirm-it-is-you")
    ada.press("/sign-in/again", password=PASSWORD)
    ada.page.locator("a.choice").click()
    ada.press("/sign-in/recovery-code", code=code)
    assert ada.path == "/account/second-factors"
    ada.look("second-factors")


def ends_the_other_session(ada: Visitor, phone: Visitor) -> None:
    ada.open("/account/sessions")
    ada.look("sessions")
    ada.press("/end")
    phone.open("/account")
    assert phone.path == "/sign-in"
    ada.open("/account/activity")
    ada.look("activity")


def keeps_the_account_in_order(ada: Visitor) -> None:
    ada.open("/account/email")
    ada.look("email")
    ada.open("/account/password")
    ada.look("password")
    ada.press("/account/password", current_password=PASSWORD, new_password=NEW)
    assert ada.page.locator(".notice.good").count() == 1
    ada.open("/forgot-password")
    ada.look("forgot-password")
    ada.press("/forgot-password", email=ada.email)
    ada.look("forgot-password-sent")
    for page in ("reset-password", "confirm-email-change", "undo-email-change"):
        ada.open(f"/{page}#token=famp_none")
        ada.look(page)
    for page in ("undone", "nowhere", "sign-in/elsewhere", "sign-in/change-password", "sign-in/reset-password"):
        ada.open(f"/{page}")
        ada.look(page.replace("sign-in/", "must-") if page.endswith("password") else page.rpartition("/")[2])


def leaves(ada: Visitor) -> None:
    ada.open("/account/delete")
    ada.look("delete")
    ada.page.check("[name=understood]")
    ada.press("/account/delete")
    assert ada.path == "/account-deleted"
    ada.look("account-deleted")


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_link_in_another_browser_asks_for_the_password(chromium_path: str, acme: Service, view: View) -> None:
    with chromium(chromium_path) as browser:
        first = visitor(browser, acme, view, f"first-{view.email}")
        first.open("/sign-up")
        first.press("/sign-up", email=first.email, password=PASSWORD)
        other = visitor(browser, acme, view, first.email)
        other.follow(other.link("verify_email"))
        other.press("/verify-email")
        other.look("verify-email-password")
        other.page.click("summary")
        other.press("/verify-email/new-password", new_password="password123")
        other.look("verify-email-new-password", picture=False)
        other.press("/verify-email", password=PASSWORD)
        assert other.path == "/sign-in"
        # That a form was refused is what the browser complains of, and what is asked for here.
        assert [fault for fault in other.faults if "403" not in fault and "422" not in fault] == []


@pytest.mark.parametrize("view", VIEWS[:3] + VIEWS[4:5], ids=str)
def test_where_a_second_factor_is_demanded(chromium_path: str, demanding: Service, view: View) -> None:
    with chromium(chromium_path) as browser:
        bob = visitor(browser, demanding, view, view.email)
        bob.open("/sign-up")
        bob.press("/sign-up", email=bob.email, password=PASSWORD)
        bob.press("/check-mail", code=bob.mailed_code("verify_email"))
        bob.press("/sign-in", email=bob.email, password=PASSWORD)
        bob.look("email-code")
        bob.press("/email-code/send")
        bob.page.fill("[name=code]", bob.mailed_code("login_code"))
        bob.page.locator("form button.first").click()
        bob.page.wait_for_load_state()
        bob.look("must-enrol")
        bob.press("/devices")
        bob.secret = str(bob.page.get_attribute("#secret", "data-plain"))
        bob.press("/devices/", code=bob.code())
        bob.page.locator("a.button.first").click()
        bob.page.wait_for_url("**/account")
        assert bob.faults == []
        assert bob.seen >= DEMANDED


def test_s008_codes_and_passwords_are_pasted(chromium_path: str, acme: Service) -> None:
    with chromium(chromium_path) as browser:
        eve = visitor(browser, acme, VIEWS[0], "paste@example.com")
        eve.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=acme.url)
        for path, name, copied, pasted in [
            ("/check-mail", "code", "123 456", "123456"),
            ("/check-mail", "code", "Your code: 12-34-56.", "123456"),
            ("/sign-in", "password", PASSWORD, PASSWORD),
            ("/sign-up", "password", PASSWORD, PASSWORD),
            ("/reset-password", "token", "https://x/#token=famp_x", "https://x/#token=famp_x"),
        ]:
            eve.open(path)
            eve.page.evaluate("text => navigator.clipboard.writeText(text)", copied)
            eve.page.focus(f"[name={name}]")
            eve.page.keyboard.press("Control+V")
            assert eve.page.input_value(f"[name={name}]") == pasted
        assert eve.faults == []


def test_a_script_makes_it_comfortable(chromium_path: str, acme: Service) -> None:
    with chromium(chromium_path) as browser:
        eve = visitor(browser, acme, VIEWS[0], "comfort@example.com")
        eve.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=acme.url)
        eve.open("/sign-up")
        eve.page.fill("[name=password]", PASSWORD)
        eve.page.click("[data-reveal]")
        assert eve.page.get_attribute("[name=password]", "type") == "text"
        eve.press("/sign-up", email=eve.email)
        eve.follow(eve.link("verify_email"))
        assert (eve.page.input_value("[name=token]")[:5], "#" in eve.page.url) == ("famp_", False)
        eve.press("/verify-email")
        eve.press("/sign-in", email=eve.email, password=PASSWORD)
        eve.open("/account/second-factors")
        eve.press("/devices")
        eve.page.click("[data-copy]")
        eve.page.wait_for_function("document.querySelector('[data-copy] span').textContent === 'Copied'")
        assert eve.page.evaluate("navigator.clipboard.readText()") == eve.page.get_attribute("#secret", "data-plain")
        assert eve.faults == []


def test_a058_no_page_is_framed(chromium_path: str, acme: Service, tmp_path: Path) -> None:
    frames = "".join(f'<iframe src="{acme.url}/auth{path}"></iframe>' for path in OPEN)
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Evil</title>{frames}")
    with elsewhere(tmp_path) as site, chromium(chromium_path) as browser:
        page = browser.new_page()
        assert all((answer := page.goto(f"{acme.url}/auth{path}")) and answer.status in {200, 404} for path in OPEN)
        page.goto(site)
        page.wait_for_timeout(500)
        shown = [frame.url for frame in page.frames[1:]]
        assert len(shown) == len(OPEN)
        assert {urlsplit(url).scheme for url in shown} == {"chrome-error"}


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Another site, which serves a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *given: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_sign_in_page_is_one_round_trip_and_two_files(chromium_path: str, acme: Service) -> None:
    with chromium(chromium_path) as browser:
        eve = visitor(browser, acme, VIEWS[0], "count@example.com")
        asked: list[str] = []
        eve.page.on("response", lambda answer: asked.append(urlsplit(answer.url).path))
        eve.open("/sign-in")
        eve.page.wait_for_load_state("networkidle")
        assert sorted(path.rpartition(".")[2] for path in asked) == ["/auth/sign-in", "css", "js"]
        asked.clear()
        eve.open("/sign-up")
        sizes = eve.page.evaluate("performance.getEntriesByType('resource').map(one => one.transferSize)")
        assert sizes == [0, 0]
        assert eve.faults == []


def test_the_pictures_are_small() -> None:
    assert sum(file.stat().st_size for file in SHOTS.glob("*.png")) < 4_000_000
