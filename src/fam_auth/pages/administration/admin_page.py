"""What the administration pages share: their permissions, and the menu around each page."""

from typing import Any, Protocol

from fastapi import Response

from fam_auth.demands import permission
from fam_auth.feature import Entry
from fam_auth.pages.page import Page
from fam_auth.routers.administration import FRESH, MANAGES_USERS
from fam_auth.values import User

__all__ = [
    "FRESH",
    "MANAGES_SERVICE",
    "MANAGES_USERS",
    "SEES_EVENTS",
    "SEES_SERVICE",
    "SEES_SESSIONS",
    "SEES_USERS",
    "Subject",
    "path_of",
    "places",
    "shows",
    "shows_user",
]

SEES_USERS, SEES_SESSIONS = permission("users:read"), permission("sessions:manage")
SEES_EVENTS = permission("events:read")
SEES_SERVICE, MANAGES_SERVICE = permission("service:read"), permission("service:manage")


class Subject(Protocol):
    """The user whom a page is about."""

    @property
    def id(self) -> object: ...


def places(page: Page) -> list[Entry]:
    """The menu entries that this administrator may open."""
    return [entry for entry in page.site.administration if page.permits(entry.permission)]


def shows(page: Page, template: str, **values: Any) -> Response:
    """Render a page of the administration. Templates show forms only if `is_fresh`: they require a recent sign-in."""
    known = {"places": places(page), "may": page.permits, "is_fresh": page.meets(FRESH)}
    return page.shows(template, **known, **values)


def shows_user(page: Page, template: str, user: User, **values: Any) -> Response:
    """Render a page about one user, with tabs for the pages that this administrator may open."""
    tabs = [entry for entry in page.site.about_user if page.permits(entry.permission)]
    return shows(page, template, about=user, tabs=tabs, base=path_of(user), **values)


def path_of(user: Subject) -> str:
    """The path that the pages about a user begin with."""
    return f"/admin/users/{user.id}"
