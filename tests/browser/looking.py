"""Somebody who looks at the pages in Chromium, and notices what is wrong with any of them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from fam_auth.features.otp import totp
from tests.support.service import Service

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "docs" / "screenshots"
AXE = (Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js").read_text()
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ANSWERED = re.compile(r"the server responded with a status of 4\d\d")
# Everything that the keyboard must reach, numbered as it stands in the page.
STOPS = """() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
  const usable = all.filter((one) => one.tabIndex >= 0 && one.type !== 'hidden' && !one.disabled
    && !one.closest('[hidden]') && one.checkVisibility())
  document.body.tabIndex = -1  // Back to the beginning, wherever the page has put the focus.
  document.body.focus()
  document.body.removeAttribute('tabindex')
  usable.forEach((one, number) => { one.dataset.stop = number })
  return usable.length
}"""
PLACE = """() => {
  const one = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(one)
  const { top, bottom } = one.getBoundingClientRect()
  return {
    number: Number(one.dataset.stop),
    shown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    in_sight: bottom > 0 && top < innerHeight,
  }
}"""
PASSWORD, NEW = "seventeen green llamas", "eleven purple yaks"


@dataclass(frozen=True)
class View:
    """How somebody looks: with a script or without, in which language, how wide, in the light or in the dark.

    `keeps` their screenshots.
    """

    script: bool
    language: str
    width: int
    scheme: str
    keeps: bool = False

    @property
    def email(self) -> str:
        """Who looks."""
        return (
            {"light": "ada@example.com", "dark": "ada@example.org"}[self.scheme]
            if self.keeps
            else f"{self}@example.com"
        )

    def __str__(self) -> str:
        return "-".join([self.language, str(self.width), self.scheme, "script" if self.script else "plain"])


# Every pair of a script or none, a language, a width and a scheme is among them.
VIEWS = [
    View(script=True, language="en", width=1280, scheme="light", keeps=True),
    View(script=True, language="en", width=1280, scheme="dark", keeps=True),
    View(script=True, language="de", width=320, scheme="dark"),
    View(script=False, language="en", width=320, scheme="dark"),
    View(script=False, language="de", width=1280, scheme="light"),
    View(script=False, language="de", width=320, scheme="light"),
]
# The pages that each story looks at; together they are all that there are (test_reach.py).
STORY = {
    "/sign-in", "/sign-up", "/check-mail", "/verify-email", "/account", "/account/second-factors",
    "/account/second-factors/devices/{id}", "/signed-out", "/sign-in/authenticator", "/sign-in/recovery-code",
    "/sign-in/again", "/account/sessions", "/account/activity", "/account/email", "/account/password",
    "/forgot-password", "/forgot-password/sent", "/reset-password", "/confirm-email-change", "/undo-email-change",
    "/undone", "/nowhere", "/sign-in/elsewhere", "/sign-in/change-password", "/sign-in/reset-password",
    "/account/delete", "/account-deleted",
}  # fmt: skip
DEMANDED = {"/sign-in/email-code", "/sign-in/enrol"}
OFFICE = {
    "/admin/dashboard", "/admin/users", "/admin/users/{id}", "/admin/users/{id}/sessions", "/admin/roles",
    "/admin/users/{id}/second-factors", "/admin/users/{id}/password", "/admin/users/{id}/roles", "/admin/invite",
    "/admin/events", "/admin/outbox", "/admin/configuration",
}  # fmt: skip
# What everybody may open.
OPEN = [
    "/sign-in",
    "/sign-up",
    "/check-mail",
    "/verify-email",
    "/forgot-password",
    "/reset-password",
    "/confirm-email-change",
    "/undo-email-change",
    "/signed-out",
    "/nowhere",
]


@dataclass
class Visitor:
    """Somebody at a page of the service; `faults` is what they noticed."""

    service: Service
    view: View
    context: BrowserContext
    page: Page
    judge: Page
    email: str
    secret: str = ""
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """The paths of the pages that were looked at, with `{id}` for every id."""

    def open(self, path: str) -> None:
        """Goes to a page."""
        self.page.goto(f"{self.service.url}/auth{path}")

    def look(self, name: str, *, picture: bool = True) -> None:
        """Looks at the page: nothing hangs over the edge or moves, nothing keeps anybody out; may leave a picture."""
        self.seen.add(UUID.sub("{id}", self.path))
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > self.view.width:
            self.faults.append(f"{name}: {wide} pixels wide")
        if self.page.evaluate("document.getAnimations().length"):
            self.faults.append(f"{name}: something moves")
        if not self.page.locator(f"html[lang={self.view.language}]").count():
            self.faults.append(f"{name}: another language")
        self.faults += [f"{name}: {one}" for one in self._barriers()]
        if self.view.keeps and picture:
            SHOTS.mkdir(exist_ok=True)
            self.page.screenshot(path=SHOTS / f"{name}-{self.view.scheme}.png", animations="disabled", caret="hide")

    def walk(self) -> None:
        """Goes through the page by the keyboard: it stops at whatever can be used, in order, and shows where it is."""
        stops = self.page.evaluate(STOPS)
        assert stops > 1
        for number in range(stops):
            place = self._next(number - 1)
            if place != {"number": number, "shown": True, "in_sight": True}:
                self.faults.append(f"{self.path}: {place} at stop {number}")

    def press(self, action: str, /, **values: str) -> None:
        """Fills in fields by their names, and presses the button of the form that goes there."""
        for name, value in values.items():
            self.page.fill(f"main [name={name}]", value)
        self.page.locator(f'main form[action*="{action}"] button[type=submit]').first.click()
        self.page.wait_for_load_state()

    def follow(self, link: str) -> None:
        """Opens the link of a mail, and pastes it where no script takes it from the address."""
        self.page.goto(link)
        if not self.view.script:
            self.page.fill("[name=token]", link)

    def link(self, kind: str) -> str:
        """The link in the newest mail of a kind."""
        return self._first(r"^(http\S+#token=\S+)$", kind)

    def mailed_code(self, kind: str) -> str:
        """The code in the newest mail of a kind."""
        return self._first(r"^(\d{6})$", kind)

    def code(self, offset: int = 0) -> str:
        """The code of the authenticator, of the present step or of one near it, some seconds before its end."""
        left = totp.STEP_SECONDS - time.time() % totp.STEP_SECONDS
        if left < 3:
            time.sleep(left)
        return totp.code_of(self.secret, int(time.time()) // totp.STEP_SECONDS + offset)

    def _next(self, last: int) -> Any:
        """Where the keyboard stops after the last place; a date has a stop for each of its parts."""
        place = {}
        for _ in range(5):
            self.page.keyboard.press("Tab")
            place = self.page.evaluate(PLACE)
            if place["number"] != last:
                break
        return place

    @property
    def path(self) -> str:
        """Where they are."""
        path: str = urlsplit(self.page.url).path
        return path.removeprefix("/auth")

    def _first(self, pattern: str, kind: str) -> str:
        mail = self.service.mails(self.email, at_least=1, kind=kind)[-1].get_body(("plain",))
        assert mail is not None
        found = re.search(pattern, mail.get_content().replace("\r", ""), re.MULTILINE)
        assert found
        return found.group(1)

    def _barriers(self) -> Iterator[str]:
        """What axe-core finds against WCAG 2.2, A and AA; it needs a script itself, so it may judge a copy."""
        if not self.view.script:
            copy = self.page.content()
            self.judge.unroute_all()
            self.judge.route(self.page.url, lambda route: route.fulfill(body=copy, content_type="text/html"))
            self.judge.goto(self.page.url)
        self.judge.evaluate(AXE)
        run = "tags => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })"
        found: dict[str, Any] = self.judge.evaluate(run, STANDARD)
        for one in found["violations"]:
            yield f"{one['id']}: {[node['target'] for node in one['nodes']]}"


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def visitor(browser: Browser, service: Service, view: View, email: str, **options: Any) -> Visitor:
    """Somebody with a browser of their own; what it complains of, and whom else it asks, is noticed."""
    looks: dict[str, Any] = {
        "viewport": {"width": view.width, "height": 780},
        "device_scale_factor": 0.75 if view.keeps else 1,
        "color_scheme": view.scheme,
        "locale": {"ar": "ar-EG", "de": "de-DE", "en": "en-GB"}[view.language],
        "reduced_motion": "reduce",
        "timezone_id": "Europe/Berlin",
    }
    looks |= options
    context = browser.new_context(**looks, java_script_enabled=view.script)
    context.set_default_timeout(10_000)
    page = context.new_page()
    judge = page if view.script else browser.new_context(**looks).new_page()
    person = Visitor(service, view, context, page, judge, email)
    own = urlsplit(service.url).netloc

    def asked(url: str) -> None:
        if urlsplit(url).netloc not in {own, ""}:
            person.faults.append(f"asked {url}")

    def said(kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not ANSWERED.search(text):
            person.faults.append(f"console: {text}")

    page.on("request", lambda request: asked(request.url))
    page.on("console", lambda message: said(message.type, message.text))
    page.on("pageerror", lambda error: person.faults.append(f"script: {error}"))
    return person


def administers(acme: Service, email: str) -> None:
    """There is an administrator with this address, made at the command line."""
    variables = {
        "FAM_AUTH_DATABASE": f"sqlite+aiosqlite:///{acme.folder}/fam_auth.db",
        "FAM_AUTH_PROFILE": "development",
    }
    command = [sys.executable, "-m", "fam_auth.cli", "create-admin", email, "--stdin"]
    subprocess.run(
        command,
        cwd=acme.folder,
        env={**os.environ, **variables},
        input=PASSWORD,
        check=True,
        text=True,
        capture_output=True,
    )
