"""The account pages: change name, language and address, and delete the account."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from fam_auth.demands import recent_proof
from fam_auth.dependencies import CurrentActor, CurrentClient, CurrentSession, CurrentUser, needs
from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.route import new_router, shown_on
from fam_auth.pages.sign_in import signed_out_response
from fam_auth.repository.data_access.managers import emails, users
from fam_auth.schemas.base import Body
from fam_auth.schemas.user import Locale, Mailbox, Name

router = new_router()
RECENT = recent_proof()


class Profile(Body):
    """The profile form. A blank field removes the value."""

    name: Name | None = None
    locale: Locale | None = None


class DeletionForm(Body):
    """The form to delete the account: a checkbox that confirms it."""

    understood: str = Field(max_length=10)


@router.get("/account", dependencies=[needs()])
async def profile(page: CurrentPage) -> Response:
    """Show the form for name and language."""
    return page.shows("account/profile.html")


@router.post("/account")
@shown_on(profile)
async def change_profile(
    page: CurrentPage, user: CurrentUser, client: CurrentClient, given: Annotated[Profile, form(Profile)]
) -> Response:
    """Change name and language."""
    await users.change(page.auth, user.id, given.model_dump(), client)
    return page.leads(page.plain("/account"), done="saved")


@router.get("/account/email", dependencies=[needs()])
async def email(page: CurrentPage) -> Response:
    """Show the address and the form to change it."""
    return page.shows("account/email.html", is_fresh=page.meets(RECENT))


@router.post("/account/email", dependencies=[needs(RECENT)])
@shown_on(email)
async def change_email(
    page: CurrentPage, session: CurrentSession, client: CurrentClient, given: Annotated[Mailbox, form(Mailbox)]
) -> Response:
    """Send a confirmation mail to the new address. Nothing changes until its link is used."""
    await emails.change(page.auth, session, given.email, client)
    return page.leads(page.plain("/account/email"), done="email_change_asked")


@router.get("/account/delete", dependencies=[needs()])
async def confirm_deletion(page: CurrentPage) -> Response:
    """Show what is deleted with the account, and the form to confirm it."""
    return page.shows("account/delete.html", is_fresh=page.meets(RECENT))


@router.post("/account/delete", dependencies=[needs(RECENT)])
@shown_on(confirm_deletion)
async def delete(
    page: CurrentPage, user: CurrentUser, actor: CurrentActor, given: Annotated[DeletionForm, form(DeletionForm)]
) -> Response:
    """Delete the account and everything that belongs to it."""
    del given
    await users.remove(page.auth, user.id, actor)
    return signed_out_response(page, "/account-deleted")


@router.get("/account-deleted", dependencies=[needs.public])
async def deleted(page: CurrentPage) -> Response:
    """Confirm that the account was deleted."""
    return page.shows("message.html", key="account_deleted")
