"""The pages of passwords: register, sign in, reset and change the password."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, Response
from pydantic import Field

from fam_auth.dependencies import CurrentClient, CurrentSession, CurrentUser, needs
from fam_auth.feature import Entry, Pages
from fam_auth.features.password import administration, changes, managers
from fam_auth.features.password.schemas import Change, Credentials, Registration, SomePassword
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.http.cookies import keep_registration
from fam_auth.http.login_request import SameSite, maybe_login_token
from fam_auth.pages import CurrentPage, Page, form, go_on, new_router, shown_on
from fam_auth.pages.email_links import verify_email
from fam_auth.pages.flash import MAILBOX, leave
from fam_auth.pages.forms import token_of
from fam_auth.pages.progress import by_cookie
from fam_auth.pages.sign_in import sign_in as sign_in_page
from fam_auth.pages.sign_in import sign_in_again
from fam_auth.repository.data_access.managers import logins
from fam_auth.schemas.base import Body, Text
from fam_auth.schemas.user import Mailbox
from fam_auth.values import Visit

router = new_router()
AtTheDoor = Annotated[Visit, Depends(by_cookie)]
IN_LOGIN, IN_ACCOUNT = "/sign-in/change-password", "/account/password"


class Known(Body):
    """The current password of the signed-in user."""

    password: SomePassword


class NewPassword(Body):
    """The link of the mail (or its token alone), and the new password."""

    token: Text = Field(max_length=2000)
    new_password: SomePassword


@router.post("/sign-in", dependencies=[SameSite])
@shown_on(sign_in_page)
async def sign_in(page: CurrentPage, visit: AtTheDoor, given: Annotated[Credentials, form(Credentials)]) -> Response:
    """Signs in; a user who is signed in already stays signed in as they are."""
    if page.user is not None:
        return page.leads(page.destination)
    return go_on(page, await managers.login(page.auth, given.email, given.password, visit))


@router.post("/sign-in/again")
@shown_on(sign_in_again)
async def prove_again(
    page: CurrentPage,
    user: CurrentUser,
    session: CurrentSession,
    visit: AtTheDoor,
    given: Annotated[Known, form(Known)],
) -> Response:
    """Checks the password again, as the first factor of a step-up."""
    begun = await logins.step_up(page.auth, session, user, visit.client)
    visit = Visit(visit.client, "cookie", begun.login_token, visit.device_token)
    return go_on(page, await managers.login(page.auth, user.email, given.password, visit))


@router.get("/sign-up", dependencies=[needs.public])
async def sign_up(page: CurrentPage) -> Response:
    """Shows the form for a new account."""
    return page.shows("password/sign_up.html", minimum=_minimum(page))


@router.post("/sign-up", dependencies=[SameSite])
@shown_on(sign_up)
async def register(page: CurrentPage, visit: AtTheDoor, given: Annotated[Registration, form(Registration)]) -> Response:
    """Registers an account; the response is the same for a known address."""
    if not page.auth.settings.email_verification:
        visit = Visit(visit.client, "cookie", None, visit.device_token)
        return go_on(page, await managers.register_and_sign_in(page.auth, given, visit))
    made = await managers.register(page.auth, given.email, given.password, given.name, visit.client)
    response = page.leads(page.url("/check-mail"))
    keep_registration(page.auth, response, made.token)
    leave(page.auth, response, MAILBOX, {"email": given.email})
    return response


@router.get("/forgot-password", dependencies=[needs.public])
async def forgot_password(page: CurrentPage) -> Response:
    """Shows the form to request a reset link."""
    return page.shows("password/forgot.html")


@router.post("/forgot-password", dependencies=[SameSite])
@shown_on(forgot_password)
async def send_link(page: CurrentPage, client: CurrentClient, given: Annotated[Mailbox, form(Mailbox)]) -> Response:
    """Mails a reset link if the address has an account; the response is the same if not."""
    await changes.forgot(page.auth, given.email, client)
    response = page.leads(page.url("/forgot-password/sent"))
    leave(page.auth, response, MAILBOX, {"email": given.email})
    return response


@router.get("/forgot-password/sent", dependencies=[needs.public])
async def link_sent(page: CurrentPage) -> Response:
    """Tells the user to check their mailbox."""
    return page.shows("password/sent.html")


@router.get("/reset-password", dependencies=[needs.public])
async def reset_password(page: CurrentPage) -> Response:
    """Shows the form for a new password, for resets and invitations."""
    return page.shows("password/reset.html", minimum=_minimum(page))


@router.post("/reset-password", dependencies=[SameSite])
@shown_on(reset_password)
async def reset(page: CurrentPage, client: CurrentClient, given: Annotated[NewPassword, form(NewPassword)]) -> Response:
    """Sets the password; does not sign in."""
    await changes.reset(page.auth, token_of(given.token), given.new_password, client)
    return page.leads(page.plain("/sign-in"), done="password_reset")


@router.post("/verify-email/new-password", dependencies=[SameSite])
@shown_on(verify_email)
async def choose(
    page: CurrentPage, client: CurrentClient, given: Annotated[NewPassword, form(NewPassword)]
) -> Response:
    """Sets a password for the owner of a mailbox that a stranger has registered; does not sign in."""
    await changes.choose(page.auth, token_of(given.token), given.new_password, client)
    return page.leads(page.plain("/sign-in"), done="password_reset")


@router.get(IN_LOGIN, dependencies=[Depends(maybe_login_token)])
async def must_change(page: CurrentPage) -> Response:
    """Shows the form to change the password as a step of a login."""
    return page.shows("password/must_change.html", minimum=_minimum(page))


@router.post(IN_LOGIN, dependencies=[Depends(maybe_login_token)])
@shown_on(must_change)
async def change_in_login(page: CurrentPage, visit: AtTheDoor, given: Annotated[Change, form(Change)]) -> Response:
    """Changes the password and continues the login."""
    return go_on(page, await changes.change_in_login(page.auth, _replacement(given), visit))


@router.get("/sign-in/reset-password", dependencies=[needs.public])
async def must_reset(page: CurrentPage) -> Response:
    """Tells the user to reset the password by mail."""
    return page.shows("password/must_reset.html")


@router.get(IN_ACCOUNT, dependencies=[needs()])
async def password(page: CurrentPage) -> Response:
    """Shows the form to change the password."""
    return page.shows("password/change.html", minimum=_minimum(page))


@router.post(IN_ACCOUNT)
@shown_on(password)
async def change(
    page: CurrentPage,
    user: CurrentUser,
    session: CurrentSession,
    visit: AtTheDoor,
    given: Annotated[Change, form(Change)],
) -> Response:
    """Changes the password and ends every other session."""
    await changes.change_own(page.auth, user, _replacement(given), visit, session=session)
    return page.leads(page.plain(IN_ACCOUNT), done="password_changed")


def _replacement(given: Change) -> changes.Replacement:
    return changes.Replacement(given.current_password, given.new_password)


def _minimum(page: Page) -> int:
    return page.auth.of(PasswordSettings).minimum_length


PAGES = Pages(
    routers=(router, administration.router),
    templates=Path(__file__).parent / "templates",
    entries=(Entry(IN_ACCOUNT, "password", "key"),),
    doors=(Entry("/sign-up", "sign_up"),),
    steps={"change_password": IN_LOGIN, "reset_password": "/sign-in/reset-password"},
    way="password/way.html",
    again="password/again.html",
    takeover="password/takeover.html",
    administration=(administration.PLACE,),
    about_user=(administration.TAB,),
)
