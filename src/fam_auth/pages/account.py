"""The account of whoever is signed in: name, language, address, and its end."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from fam_auth.demands import recent_proof
from fam_auth.dependencies import CurrentActor, CurrentClient, CurrentSession, CurrentUser, needs
from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.route import new_router, shown_on
from fam_auth.pages.sign_in import left
from fam_auth.repository.data_access.managers import emails, users
from fam_auth.schemas.base import Body
from fam_auth.schemas.user import Locale, Mailbox, Name

router = new_router()
RECENT = recent_proof()


class Profile(Body):
    """What the form of the profile sends; what is left blank is removed."""

    name: Name | None = None
    locale: Locale | None = None


class Farewell(Body):
    """The box that says that one knows what one does."""

    understood: str = Field(max_length=10)


@router.get("/account", dependencies=[needs()])
async def profile(page: CurrentPage) -> Response:
    """Name and language."""
    return page.shows("account/profile.html")


@router.post("/account")
@shown_on(profile)
async def change_profile(
    page: CurrentPage, user: CurrentUser, client: CurrentClient, given: Annotated[Profile, form(Profile)]
) -> Response:
    """The user has this name and this language."""
    await users.change(page.auth, user.id, given.model_dump(), client)
    return page.leads(page.plain("/account"), done="saved")


@router.get("/account/email", dependencies=[needs()])
async def email(page: CurrentPage) -> Response:
    """The address, and the form to change it."""
    return page.shows("account/email.html", is_fresh=page.meets(RECENT))


@router.post("/account/email", dependencies=[needs(RECENT)])
@shown_on(email)
async def change_email(
    page: CurrentPage, session: CurrentSession, client: CurrentClient, given: Annotated[Mailbox, form(Mailbox)]
) -> Response:
    """The new address is asked to confirm."""
    await emails.change(page.auth, session, given.email, client)
    return page.leads(page.plain("/account/email"), done="email_change_asked")


@router.get("/account/delete", dependencies=[needs()])
async def farewell(page: CurrentPage) -> Response:
    """What goes with the account, and the button."""
    return page.shows("account/delete.html", is_fresh=page.meets(RECENT))


@router.post("/account/delete", dependencies=[needs(RECENT)])
@shown_on(farewell)
async def delete(
    page: CurrentPage, user: CurrentUser, actor: CurrentActor, given: Annotated[Farewell, form(Farewell)]
) -> Response:
    """The account is gone with all that belongs to it."""
    del given
    await users.remove(page.auth, user.id, actor)
    return left(page, "/account-deleted")


@router.get("/account-deleted", dependencies=[needs.public])
async def deleted(page: CurrentPage) -> Response:
    """Says so."""
    return page.shows("message.html", key="account_deleted")
