"""Whom the pages reach: people with a keyboard alone, with more contrast, and who write from the right."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from fam_auth.core.settings import Profile, Settings
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.pages.mount import KERNEL
from tests.browser.looking import (
    DEMANDED,
    OFFICE,
    OPEN,
    PASSWORD,
    STORY,
    VIEWS,
    View,
    administers,
    chromium,
    visitor,
)
from tests.support.service import Service

# What leads on, or is a part of a page.
NO_PAGES = {"/", "/admin", "/admin/events/newer", "/sign-in/continue", "/static/{id}"}


def test_every_page_is_looked_at() -> None:
    settings = Settings(database="sqlite+aiosqlite:///./none.db", profile=Profile.DEVELOPMENT)
    brought = [pages for one in (Password(), Otp(email_code=True), Role()) if (pages := one.pages(settings))]
    routers = [*KERNEL, *(router for pages in brought for router in pages.routers)]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    there = {re.sub(r"{\w+}", "{id}", route.path) for route in routes if "GET" in (route.methods or ())}
    assert there - NO_PAGES == (STORY | DEMANDED | OFFICE) - {"/nowhere"}


def test_by_the_keyboard_alone(chromium_path: str, acme: Service) -> None:
    with chromium(chromium_path) as browser:
        eve = visitor(browser, acme, VIEWS[0], "eve@example.com")
        eve.open("/sign-up")
        keyboard = eve.page.keyboard
        keyboard.press("Tab")  # the brand
        for text in ("Eve", eve.email, PASSWORD):
            keyboard.press("Tab")
            keyboard.type(text)
        keyboard.press("Enter")
        eve.page.wait_for_url("**/check-mail")
        assert eve.page.evaluate("document.activeElement.id") == "code"
        keyboard.type(eve.mailed_code("verify_email"))
        keyboard.press("Enter")
        eve.page.wait_for_url("**/sign-in")
        for text in ("", eve.email, "", PASSWORD):  # the brand, the address, the way out, the password
            keyboard.press("Tab")
            keyboard.type(text)
        keyboard.press("Enter")
        eve.page.wait_for_url("**/account")
        keyboard.press("Tab")
        keyboard.press("Enter")
        assert eve.page.evaluate("document.activeElement.id") == "content"
        keyboard.press("Tab")
        assert eve.page.evaluate("document.activeElement.name") == "name"
        assert eve.faults == []


@pytest.mark.parametrize("view", [VIEWS[0], VIEWS[2]], ids=str)
def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(
    chromium_path: str, acme: Service, view: View
) -> None:
    with chromium(chromium_path) as browser:
        grace = visitor(browser, acme, view, f"walks-{view}@example.com")
        administers(acme, grace.email)
        for path in OPEN:
            grace.open(path)
            grace.walk()
        grace.open("/sign-in")
        grace.press("/sign-in", email=grace.email, password=PASSWORD)
        grace.open("/account/second-factors")
        grace.press("/devices")
        grace.walk()
        for path in sorted(STORY | OFFICE):
            if path.startswith(("/account/", "/admin/")) and "{" not in path:
                grace.open(path)
                grace.walk()
        assert grace.faults == []


@pytest.mark.parametrize(
    "options", [{"contrast": "more"}, {"forced_colors": "active"}, {"color_scheme": "dark"}], ids=str
)
def test_from_the_right_and_with_more_contrast(chromium_path: str, arabic: Service, options: dict[str, Any]) -> None:
    with chromium(chromium_path) as browser:
        view = View(script=True, language="ar", width=320, scheme="light")
        email = f"{'-'.join(options)}-{'-'.join(options.values())}@example.com"
        layla = visitor(browser, arabic, view, email, **options)
        administers(arabic, email)
        layla.open("/sign-in")
        assert layla.page.evaluate("getComputedStyle(document.body).direction") == "rtl"
        layla.look("sign-in")
        layla.press("/sign-in", email=email, password=PASSWORD)
        for path in ("/account", "/account/sessions", "/account/activity", "/account/second-factors", *sorted(OFFICE)):
            if "{" not in path:
                layla.open(path)
                layla.look(path)
        assert layla.faults == []
