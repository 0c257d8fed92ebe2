"""The pages for a user's sessions and recent activity."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from fam_auth.dependencies import CurrentActor, CurrentSession, needs
from fam_auth.events import class_of
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.route import new_router, shown_on
from fam_auth.repository.data_access.managers import events, sessions
from fam_auth.schemas.session import EventItem, SessionItem

router = new_router()
SHOWN = 25
MOST_SESSIONS = 200
Cursor = Annotated[UUID | None, Query()]
# The fields of an event's detail that are shown to users.
TOLD = ("device", "role", "scope")


@router.get("/account/sessions", dependencies=[needs()])
async def list_sessions(page: CurrentPage) -> Response:
    """List the active sessions, the current one first."""
    return await _sessions(page)


async def _sessions(page: Page) -> Response:
    assert page.session is not None  # noqa: S101 - the routes ask for one
    current = page.session
    found = await sessions.listed(page.auth, current.user_id, None, MOST_SESSIONS)
    items = sorted((SessionItem.of(one, current.id) for one in found.items), key=lambda one: not one.current)
    return page.shows("account/sessions.html", sessions=items)


@router.post("/account/sessions/end-others")
async def end_others(page: CurrentPage, session: CurrentSession, actor: CurrentActor) -> Response:
    """End all sessions but the current one."""
    await sessions.end(page.auth, {"user_id": session.user_id}, "ended_by_user", actor, but=session.id)
    return page.leads(page.plain("/account/sessions"), done="sessions_ended")


@router.post("/account/sessions/{session_id}/end")
@shown_on(_sessions)
async def end_session(page: CurrentPage, session: CurrentSession, actor: CurrentActor, session_id: UUID) -> Response:
    """End one session."""
    await sessions.end_one(page.auth, {"id": session_id, "user_id": session.user_id}, "ended_by_user", actor)
    return page.leads(page.plain("/account/sessions"), done="session_ended")


@router.get("/account/activity", dependencies=[needs()])
async def list_events(page: CurrentPage, session: CurrentSession, after: Cursor = None) -> Response:
    """List what happened to the account, newest first."""
    found = await events.of_own(page.auth, session.user_id, after, SHOWN)
    items = [_line(page, EventItem.model_validate(row)) for row in found.items]
    return page.shows("account/activity.html", events=items, further=found.next)


def _line(page: Page, event: EventItem) -> Mapping[str, Any]:
    """An event as the template shows it. A kind without a text is shown by its name."""
    key = f"events.{event.kind.replace('.', '_')}"
    text = page.say(key) if page.auth.texts.has(f"pages.{key}") else event.kind
    is_bad = event.outcome == "failure" or class_of(event.kind).is_alarming
    told = [str(event.detail[name]) for name in TOLD if event.detail.get(name)]
    return {"text": text, "is_bad": is_bad, "told": told, "event": event}
