"""The pages that mails lead to. Opening one changes nothing: a mail scanner opens them all (A-11)."""

from typing import Annotated

from fastapi import Response

from fam_auth.dependencies import CurrentClient, client_of, needs
from fam_auth.pages.forms import PastedToken, form
from fam_auth.pages.notes import MAILBOX, leave
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.progress import go_on
from fam_auth.pages.route import new_router, shown_on
from fam_auth.repository.data_access.managers import emails, logins
from fam_auth.routers.answers import MaybeLoginToken, SameSite
from fam_auth.schemas.user import Mailbox, VerifyByCode
from fam_auth.values import User

router = new_router()


@router.get("/check-mail", dependencies=[needs.public])
async def check_mail(page: CurrentPage) -> Response:
    """Says to look into the mailbox, and takes the code of the mail."""
    return page.shows("check_mail.html")


@router.post("/check-mail", dependencies=[SameSite])
@shown_on(check_mail)
async def verify_by_code(
    page: CurrentPage,
    client: CurrentClient,
    token: MaybeLoginToken,
    given: Annotated[VerifyByCode, form(VerifyByCode)],
) -> Response:
    """The address is verified by the code."""
    code = "".join(given.code.split())
    return await _verified(page, await emails.verify_by_code(page.auth, given.email, code, client), token)


@router.post("/check-mail/resend", dependencies=[SameSite])
@shown_on(check_mail)
async def resend(page: CurrentPage, client: CurrentClient, given: Annotated[Mailbox, form(Mailbox)]) -> Response:
    """A fresh mail is on its way, if the address waits for one."""
    await emails.resend(page.auth, given.email, client)
    response = page.leads(page.url("/check-mail"), done="mail_sent")
    leave(page.auth, response, MAILBOX, {"email": given.email})
    return response


@router.get("/verify-email", dependencies=[needs.public])
async def verify_email(page: CurrentPage) -> Response:
    """Takes the token of the mail."""
    return page.shows("by_token.html", key="verify_email")


@router.post("/verify-email", dependencies=[SameSite])
@shown_on(verify_email)
async def verify_by_token(
    page: CurrentPage, client: CurrentClient, login_token: MaybeLoginToken, token: PastedToken
) -> Response:
    """The address is verified by the link."""
    return await _verified(page, await emails.verify(page.auth, token, client), login_token)


@router.get("/confirm-email-change", dependencies=[needs.public])
async def confirm_email_change(page: CurrentPage) -> Response:
    """Takes the token of the mail to the new address."""
    return page.shows("by_token.html", key="confirm_email_change")


@router.post("/confirm-email-change", dependencies=[SameSite])
@shown_on(confirm_email_change)
async def confirm_by_token(page: CurrentPage, client: CurrentClient, token: PastedToken) -> Response:
    """The new address is the user's."""
    await emails.confirm(page.auth, token, client)
    path = "/sign-in" if page.user is None else "/account/email"
    return page.leads(page.plain(path), done="email_changed")


@router.get("/undo-email-change", dependencies=[needs.public])
async def undo_email_change(page: CurrentPage) -> Response:
    """Takes the token of the mail to the old address."""
    return page.shows("by_token.html", key="undo_email_change")


@router.post("/undo-email-change", dependencies=[SameSite])
@shown_on(undo_email_change)
async def undo_by_token(page: CurrentPage, client: CurrentClient, token: PastedToken) -> Response:
    """The old address is back, or the account that was made with it is gone."""
    await emails.undo(page.auth, token, client)
    return page.leads(page.plain("/undone"))


@router.get("/undone", dependencies=[needs.public])
async def undone(page: CurrentPage) -> Response:
    """Says so, and what to do next."""
    return page.shows("message.html", key="undone")


async def _verified(page: Page, user: User, token: str | None) -> Response:
    """A login that waited for the address goes on; else it can begin."""
    login = await logins.under_way(page.auth, token)
    if token is not None and login is not None and login.user_id == user.id:
        return go_on(page, await logins.prove(page.auth, token, None, client_of(page.request)))
    return page.leads(page.url("/sign-in" if page.user is None else "/account"), done="verified")
