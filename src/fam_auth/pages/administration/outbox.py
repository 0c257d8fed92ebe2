"""The outbox page: mails that wait, mails that failed, and a button to send them again."""

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


class RetryForm(Body):
    """The id of the mail to send again."""

    mail: UUID


async def _mails(page: Page, after: UUID | None = None) -> Response:
    waiting = await outbox.listed(page.auth, after, SHOWN)
    given_up = await outbox.listed(page.auth, None, SHOWN, done=True)
    now = page.auth.now()
    return shows(page, "administration/outbox.html", waiting=waiting, given_up=given_up.items, now=now)


@router.get("/admin/outbox", dependencies=[needs(SEES_SERVICE)])
async def list_mails(page: CurrentPage, after: Cursor = None) -> Response:
    """List mails that wait and mails that failed, never their content: it has tokens."""
    return await _mails(page, after)


@router.post("/admin/outbox/retry", dependencies=[needs(SEES_SERVICE, MANAGES_SERVICE)])
@shown_on(_mails)
async def retry(page: CurrentPage, given: Annotated[RetryForm, form(RetryForm)]) -> Response:
    """Queue a mail that waits or has failed, so that the next worker sends it at once."""
    await outbox.retry(page.auth, given.mail)
    return page.leads(page.plain("/admin/outbox"), done="admin_retried")
