"""The outbox: what waits, what nobody took, and another try."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from fam_auth.dependencies import needs
from fam_auth.pages.administration.admin_page import MANAGES_SERVICE, SEES_SERVICE, shows
from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.route import new_router, shown_on
from fam_auth.repository.data_access.managers import outbox
from fam_auth.schemas.base import Body

router = new_router()
SHOWN = 50
Cursor = Annotated[UUID | None, Query()]


class Which(Body):
    """The mail to send."""

    mail: UUID


async def _mails(page: Page, after: UUID | None = None) -> Response:
    waiting = await outbox.listed(page.auth, after, SHOWN)
    given_up = await outbox.listed(page.auth, None, SHOWN, done=True)
    now = page.auth.now()
    return shows(page, "administration/outbox.html", waiting=waiting, given_up=given_up.items, now=now)


@router.get("/admin/outbox", dependencies=[needs(SEES_SERVICE)])
async def list_mails(page: CurrentPage, after: Cursor = None) -> Response:
    """What waits and what was given up; never what it says."""
    return await _mails(page, after)


@router.post("/admin/outbox/retry", dependencies=[needs(SEES_SERVICE, MANAGES_SERVICE)])
@shown_on(_mails)
async def retry(page: CurrentPage, given: Annotated[Which, form(Which)]) -> Response:
    """The mail is sent as soon as a worker looks."""
    await outbox.retry(page.auth, given.mail)
    return page.leads(page.plain("/admin/outbox"), done="admin_retried")
