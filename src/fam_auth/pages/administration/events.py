"""The audit log: search events, and watch them live."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BeforeValidator

from fam_auth.dependencies import needs
from fam_auth.events import known
from fam_auth.exceptions import InvalidRequest, NotFound
from fam_auth.pages.administration.admin_page import SEES_EVENTS, shows
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.route import new_router
from fam_auth.repository.data_access.managers import events, users
from fam_auth.schemas.base import Text
from fam_auth.schemas.session import JournalItem
from fam_auth.values import EventFilter

router = new_router()
SHOWN, MOST_NEW = 50, 50
DAY = timedelta(days=1)
Blank = BeforeValidator(lambda text: text or None)
"""Treats an empty form field as missing."""
ADDRESS = 320


class EventSearch:
    """The filter that an administrator filled in. `who` is an address or a user's id."""

    def __init__(
        self,
        who: Annotated[Text, Query(max_length=ADDRESS)] = "",
        kind: Annotated[Text, Query(max_length=100)] = "",
        outcome: Annotated[Literal["success", "failure"] | None, Blank, Query()] = None,
        since: Annotated[date | None, Blank, Query()] = None,
        until: Annotated[date | None, Blank, Query()] = None,
    ) -> None:
        self.who, self.kind, self.outcome, self.since, self.until = who.strip(), kind.strip(), outcome, since, until

    @property
    def fields(self) -> dict[str, str]:
        """The fields that are not empty, for links to further pages."""
        return {name: str(value) for name, value in vars(self).items() if value}

    def chosen(self, user_id: UUID | None) -> EventFilter:
        """The filter for this user. Both days are included, in UTC."""
        since = None if self.since is None else datetime.combine(self.since, time(), UTC)
        until = None if self.until in {None, date.max} else datetime.combine(self.until, time(), UTC) + DAY
        return EventFilter(user_id, self.kind or None, since, until, self.outcome)


Wanted = Annotated[EventSearch, Depends()]


@router.get("/admin/events", dependencies=[needs(SEES_EVENTS)])
async def list_events(page: CurrentPage, asked: Wanted, after: Annotated[UUID | None, Query()] = None) -> Response:
    """List events, newest first."""
    chosen = await _filter(page, asked)
    found = None if chosen is None else await events.listed(page.auth, chosen, after, SHOWN)
    items = [] if found is None else [line(page, JournalItem.model_validate(row)) for row in found.items]
    further = found and found.next and urlencode({**asked.fields, "after": found.next})
    return shows(
        page,
        "administration/events.html",
        lines=items,
        asked=asked,
        kinds=sorted(known()),
        further=further,
        after=after,
        query=urlencode(asked.fields),
    )


@router.get("/admin/events/newer", dependencies=[needs(SEES_EVENTS)])
async def list_newer(page: CurrentPage, asked: Wanted, than: Annotated[UUID, Query()]) -> Response:
    """The table rows of the events since `than`, for a page that is watched live."""
    chosen = await _filter(page, asked)
    rows = [] if chosen is None else await events.newer(page.auth, chosen, than, MOST_NEW)
    items = [line(page, JournalItem.model_validate(row)) for row in rows]
    return page.shows("administration/event_rows.html", lines=items)


async def _filter(page: Page, asked: EventSearch) -> EventFilter | None:
    """The filter; None if no user has the address. An id is taken as it is, because deleted users have events too."""
    if not asked.who:
        return asked.chosen(None)
    try:
        return asked.chosen(UUID(asked.who))
    except ValueError:
        pass
    try:
        return asked.chosen((await users.found(page.auth, asked.who)).id)
    except (NotFound, InvalidRequest):
        return None


def line(page: Page, event: JournalItem) -> Mapping[str, Any]:
    """An event as the template shows it. A kind without a text is shown by its name."""
    key = f"events.{event.kind.replace('.', '_')}"
    text = page.say(key) if page.auth.texts.has(f"pages.{key}") else event.kind
    told = [
        f"{name}: {value}" for name, value in sorted(event.detail.items()) if value and isinstance(value, str | int)
    ]
    return {"text": text, "event": event, "told": told, "is_bad": event.outcome == "failure"}
