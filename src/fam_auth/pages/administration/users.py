"""User administration: search, view, suspend, restore, sign out and delete users."""

from datetime import UTC, datetime, time
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from fam_auth.dependencies import CurrentActor, needs
from fam_auth.pages.administration.admin_page import SEES_SESSIONS, SEES_USERS, shows, shows_user
from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.route import new_router, shown_on
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.routers.administration import DELETES, ENDS_SESSIONS, RESTORES, SUSPENDS
from fam_auth.schemas.base import Body, Day, Text
from fam_auth.schemas.session import SessionItem

router = new_router()
SHOWN = 25
MOST_SESSIONS = 200
Cursor = Annotated[UUID | None, Query()]
Search = Annotated[str, Query(max_length=200)]
LongText = Annotated[Text, Field(max_length=500)]


class SuspensionForm(Body):
    """Reason and last day of a suspension. Without a day, it lasts until restored."""

    reason: LongText | None = None
    until: Day | None = None

    @property
    def end(self) -> datetime | None:
        """The end of the last day (UTC), or None."""
        return None if self.until is None else datetime.combine(self.until, time.max, UTC)


class DeletionForm(Body):
    """The checkbox that confirms the deletion."""

    understood: str = Field(max_length=10)


@router.get("/admin/users", dependencies=[needs(SEES_USERS)])
async def list_users(page: CurrentPage, search: Search = "", after: Cursor = None) -> Response:
    """List users, oldest first; with `search`, those with this text in their address or name."""
    found = await users.listed(page.auth, after, SHOWN, search.strip() or None)
    further = found.next and urlencode({"after": found.next, **({"search": search} if search else {})})
    return shows(page, "administration/users.html", found=found.items, search=search, after=after, further=further)


async def _user(page: Page) -> Response:
    user = await users.get(page.auth, user_id_of(page))
    reason = await users.reason_of_suspension(page.auth, user.id) if user.suspended_at else None
    suspended = user.is_suspended(page.auth.now())
    return shows_user(page, "administration/user.html", user, is_suspended=suspended, reason=reason)


@router.get("/admin/users/{user_id}", dependencies=[needs(SEES_USERS)])
async def show_user(page: CurrentPage, user_id: UUID) -> Response:
    """Show one user, with the actions that are possible."""
    del user_id
    return await _user(page)


@router.post("/admin/users/{user_id}/suspend", dependencies=[needs(SEES_USERS, *SUSPENDS)])
@shown_on(_user)
async def suspend(
    page: CurrentPage, actor: CurrentActor, user_id: UUID, given: Annotated[SuspensionForm, form(SuspensionForm)]
) -> Response:
    """Suspend a user, and end their sessions."""
    await users.suspend(page.auth, user_id, actor, reason=given.reason, until=given.end)
    return page.leads(_back(page, user_id), done="admin_suspended")


@router.post("/admin/users/{user_id}/restore", dependencies=[needs(SEES_USERS, *RESTORES)])
@shown_on(_user)
async def restore(page: CurrentPage, actor: CurrentActor, user_id: UUID) -> Response:
    """Let a suspended user sign in again."""
    await users.restore(page.auth, user_id, actor)
    return page.leads(_back(page, user_id), done="admin_restored")


@router.post("/admin/users/{user_id}/delete", dependencies=[needs(SEES_USERS, *DELETES)])
@shown_on(_user)
async def delete(
    page: CurrentPage, actor: CurrentActor, user_id: UUID, given: Annotated[DeletionForm, form(DeletionForm)]
) -> Response:
    """Delete a user and everything that belongs to them."""
    del given
    await users.remove(page.auth, user_id, actor)
    return page.leads(page.plain("/admin/users"), done="admin_deleted")


@router.get("/admin/users/{user_id}/sessions", dependencies=[needs(SEES_SESSIONS)])
async def list_sessions(page: CurrentPage, user_id: UUID) -> Response:
    """List the sessions of a user."""
    del user_id
    return await _sessions(page)


async def _sessions(page: Page) -> Response:
    user = await users.get(page.auth, user_id_of(page))
    assert page.session is not None  # noqa: S101 - the route asks for one
    found = await sessions.listed(page.auth, user.id, None, MOST_SESSIONS)
    items = [SessionItem.of(one, page.session.id) for one in found.items]
    return shows_user(page, "administration/sessions.html", user, sessions=items)


@router.post("/admin/users/{user_id}/sessions/end", dependencies=[needs(*ENDS_SESSIONS)])
@shown_on(_sessions)
async def end_sessions(page: CurrentPage, actor: CurrentActor, user_id: UUID) -> Response:
    """Sign a user out everywhere."""
    await users.sign_out(page.auth, user_id, actor)
    return page.leads(f"{_back(page, user_id)}/sessions", done="admin_signed_out")


def user_id_of(page: Page) -> UUID:
    """The id of the user in the path. Raises NotFound if it is no UUID."""
    return page.id_in_path("user_id")


def _back(page: Page, user_id: UUID) -> str:
    return page.plain(f"/admin/users/{user_id}")
