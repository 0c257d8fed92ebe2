"""The pages that links in mails open.

A GET never changes anything, because mail scanners open every link. The token is in the fragment and sent by a form.
"""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from fam_auth.dependencies import CurrentClient, needs
from fam_auth.exceptions import InvalidToken, PasswordRequired
from fam_auth.http.client import client_of
from fam_auth.http.cookies import forget_cookie
from fam_auth.http.credentials import REGISTRATION_COOKIE
from fam_auth.http.login_request import MaybeLoginToken, SameSite, registration_proof
from fam_auth.pages.flash import MAILBOX, leave
from fam_auth.pages.forms import PastedToken, form, token_of
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.progress import go_on
from fam_auth.pages.route import new_router, shown_on
from fam_auth.repository.data_access.managers import emails, logins, verifications
from fam_auth.schemas.base import Text
from fam_auth.schemas.user import Mailbox, OfRegistration, VerifyByCode
from fam_auth.values import User

router = new_router()


class VerificationForm(OfRegistration):
    """The link or token of a verification mail, and what shows that the same person registered."""

    token: Text = Field(max_length=2000)


@router.get("/check-mail", dependencies=[needs.public])
async def check_mail(page: CurrentPage) -> Response:
    """Ask the user to check their mail, with a form for the code."""
    return page.shows("check_mail.html", asks_password=_asks_password(page))


@router.post("/check-mail", dependencies=[SameSite])
@shown_on(check_mail)
async def verify_by_code(
    page: CurrentPage,
    client: CurrentClient,
    token: MaybeLoginToken,
    given: Annotated[VerifyByCode, form(VerifyByCode)],
) -> Response:
    """Verify the address by the code of the mail."""
    code, proof = "".join(given.code.split()), await registration_proof(page.request, given)
    user = await verifications.verify_by_code(page.auth, given.email, code, proof, client)
    return await _verified(page, user, token)


@router.post("/check-mail/resend", dependencies=[SameSite])
@shown_on(check_mail)
async def resend(page: CurrentPage, client: CurrentClient, given: Annotated[Mailbox, form(Mailbox)]) -> Response:
    """Send another verification mail if the address is unverified. The response is the same for every address."""
    await emails.resend(page.auth, given.email, client)
    response = page.leads(page.url("/check-mail"), done="mail_sent")
    leave(page.auth, response, MAILBOX, {"email": given.email})
    return response


@router.get("/verify-email", dependencies=[needs.public])
async def verify_email(page: CurrentPage) -> Response:
    """Show the form for the token of the mail. It asks for the password if the browser has no registration cookie."""
    return page.shows("verify_email.html", asks_password=_asks_password(page))


@router.post("/verify-email", dependencies=[SameSite])
@shown_on(verify_email)
async def verify_by_token(
    page: CurrentPage,
    client: CurrentClient,
    login_token: MaybeLoginToken,
    given: Annotated[VerificationForm, form(VerificationForm)],
) -> Response:
    """Verify the address by the link of the mail."""
    proof = await registration_proof(page.request, given)
    user = await verifications.verify(page.auth, token_of(given.token), proof, client)
    return await _verified(page, user, login_token)


@router.get("/confirm-email-change", dependencies=[needs.public])
async def confirm_email_change(page: CurrentPage) -> Response:
    """Show the form for the token of the mail to the new address."""
    return page.shows("by_token.html", key="confirm_email_change")


@router.post("/confirm-email-change", dependencies=[SameSite])
@shown_on(confirm_email_change)
async def confirm_by_token(page: CurrentPage, client: CurrentClient, token: PastedToken) -> Response:
    """Change the address to the new one."""
    await emails.confirm(page.auth, token, client)
    path = "/sign-in" if page.user is None else "/account/email"
    return page.leads(page.plain(path), done="email_changed")


@router.get("/undo-email-change", dependencies=[needs.public])
async def undo_email_change(page: CurrentPage) -> Response:
    """Show the form for the token of the mail to the old address."""
    return page.shows("by_token.html", key="undo_email_change")


@router.post("/undo-email-change", dependencies=[SameSite])
@shown_on(undo_email_change)
async def undo_by_token(page: CurrentPage, client: CurrentClient, token: PastedToken) -> Response:
    """Restore the old address, or delete the account that another person registered with the address."""
    await emails.undo(page.auth, token, client)
    return page.leads(page.plain("/undone"))


@router.get("/undone", dependencies=[needs.public])
async def undone(page: CurrentPage) -> Response:
    """Confirm the undo, and explain what to do next."""
    return page.shows("message.html", key="undone")


async def _verified(page: Page, user: User, token: str | None) -> Response:
    """Continue the login in progress if it is of the same user; otherwise lead to sign-in, or to the account."""
    if token is not None and await logins.user_of(page.auth, token) == user.id:
        response = go_on(page, await logins.prove(page.auth, token, None, client_of(page.request)))
    else:
        response = page.leads(page.url("/sign-in" if page.user is None else "/account"), done="verified")
    forget_cookie(page.auth, response, REGISTRATION_COOKIE)
    return response


def _asks_password(page: Page) -> bool:
    """Whether the form shows a password field: the password was required, or a wrong one was given."""
    gave_one = not {"password", "new_password"}.isdisjoint(page.given)
    return isinstance(page.refusal, PasswordRequired) or (gave_one and not isinstance(page.refusal, InvalidToken))
