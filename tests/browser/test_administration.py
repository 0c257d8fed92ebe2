"""The stories of administrators, as one sees them in Chromium."""

import pytest

from tests.browser.history import has_a_past, mails_wait
from tests.browser.looking import OFFICE, PASSWORD, VIEWS, View, Visitor, administers, chromium, visitor
from tests.support.service import Service

# A role that a picture may show, and what everybody else calls theirs.
ROLES = {"light": "editor", "dark": "support"}


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_an_administrator_looks_after_everything(chromium_path: str, acme: Service, view: View) -> None:
    with chromium(chromium_path) as browser:
        email = view.email.replace("ada", "grace") if view.keeps else f"grace-{view}@example.com"
        grace = visitor(browser, acme, view, email)
        administers(acme, grace.email)
        has_a_past(acme)
        grace.open("/admin")
        grace.press("/sign-in", email=grace.email, password=PASSWORD)
        assert grace.path == "/admin/dashboard"
        grace.look("admin-dashboard")
        invites(grace)
        looks_after_a_user(grace)
        arranges_roles(grace)
        watches(grace)
        with mails_wait(acme):
            grace.open("/admin/outbox")
            grace.look("admin-outbox")
        grace.open("/admin/configuration")
        # The database of this run is none that a reader of the pictures has.
        grace.page.locator("code.value").evaluate_all("values => values.slice(0, 1).forEach(one => one.remove())")
        grace.look("admin-configuration")
        assert grace.faults == []
        assert grace.seen >= OFFICE


def invites(grace: Visitor) -> None:
    grace.open("/admin/invite")
    grace.look("admin-invite")
    grace.press("/admin/invite", email=grace.email.replace("grace", "ivy"), name="Ivy")
    assert grace.page.locator(".notice.good").count() == 1


def looks_after_a_user(grace: Visitor) -> None:
    """Finds the user just invited, and does to them what one can do."""
    grace.open("/admin/users")
    grace.look("admin-users")
    finds(grace, grace.email)
    grace.open(f"{grace.path}/sessions")
    grace.look("admin-user-sessions")
    finds(grace, grace.email.replace("grace", "ivy"))
    grace.look("admin-user")
    user = grace.path
    grace.press("/suspend", reason="unpaid", until="2040-01-01")
    grace.look("admin-user-suspended", picture=False)
    grace.press("/restore")
    for tab in ("second-factors", "password", "roles"):
        grace.open(f"{user.removeprefix('/auth')}/{tab}")
        grace.look(f"admin-user-{tab}")
    grace.press("/roles/grant")
    assert grace.page.locator("main .rows li").count() == 1
    grace.press("/roles/revoke")


def finds(grace: Visitor, email: str) -> None:
    grace.open("/admin/users")
    grace.page.fill("[name=search]", email)
    grace.page.locator("form[role=search] button").click()
    grace.page.wait_for_load_state()
    grace.page.locator("main .rows a").first.click()
    grace.page.wait_for_load_state()


def arranges_roles(grace: Visitor) -> None:
    name = ROLES[grace.view.scheme] if grace.view.keeps else f"r{abs(hash(grace.email)) % 10**8}"
    grace.open("/admin/roles")
    grace.press("/roles/create", name=name)
    row = grace.page.locator(f"form:has([name=role][value={name}]):has([name=part][value='users:read']) button")
    row.click()
    grace.page.wait_for_load_state()
    assert grace.page.locator(".notice.good").count() == 1
    grace.look("admin-roles")


def watches(grace: Visitor) -> None:
    """Events come in while one watches, where there is a script."""
    grace.open("/admin/events")
    grace.look("admin-events")
    if grace.view.script:
        grace.page.locator("[data-live]").click()
        grace.context.request.post(f"{grace.service.url}/auth/login", data={"email": grace.email, "password": "no"})
        grace.page.wait_for_selector("#events tr.is-new", timeout=10_000)
        grace.page.locator("[data-live]").click()
        assert grace.page.get_attribute("[data-live]", "aria-pressed") == "false"
