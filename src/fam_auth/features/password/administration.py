"""The administration pages for passwords: invite a user to choose one, and mark one as compromised."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from fam_auth.dependencies import CurrentActor, needs
from fam_auth.feature import Entry
from fam_auth.features.password import changes
from fam_auth.features.password.routers import INVITES, MARKS
from fam_auth.features.password.schemas import Invitation
from fam_auth.pages import CurrentPage, Page, form, new_router, shown_on
from fam_auth.pages.administration.admin_page import MANAGES_USERS, path_of, shows, shows_user
from fam_auth.pages.administration.users import user_id_of
from fam_auth.repository.data_access.managers import users

router = new_router()
PLACE = Entry("/admin/invite", "invite", "plus", "users:manage")
TAB = Entry("/password", "password", "key", "users:manage")


async def _invite(page: Page) -> Response:
    return shows(page, "password/invite.html")


@router.get("/admin/invite", dependencies=[needs(MANAGES_USERS)])
async def invitation(page: CurrentPage) -> Response:
    """Shows the form to invite a user."""
    return await _invite(page)


@router.post("/admin/invite", dependencies=[needs(*INVITES)])
@shown_on(_invite)
async def invite(page: CurrentPage, actor: CurrentActor, given: Annotated[Invitation, form(Invitation)]) -> Response:
    """Creates a user and mails them a link to choose a password."""
    user = await changes.invite(page.auth, given.email, given.name, actor)
    return page.leads(page.plain(path_of(user)), done="admin_invited")


async def _of_user(page: Page) -> Response:
    user = await users.get(page.auth, user_id_of(page))
    return shows_user(page, "password/of_user.html", user, is_demanded=changes.CHANGE in user.demands)


@router.get("/admin/users/{user_id}/password", dependencies=[needs(MANAGES_USERS)])
async def password_of_user(page: CurrentPage, user_id: UUID) -> Response:
    """Shows the actions on a user's password."""
    del user_id
    return await _of_user(page)


@router.post("/admin/users/{user_id}/password/compromised", dependencies=[needs(*MARKS)])
@shown_on(_of_user)
async def mark_compromised(page: CurrentPage, actor: CurrentActor, user_id: UUID) -> Response:
    """Signs the user out; they must change the password at the next login."""
    await changes.compromise(page.auth, await users.get(page.auth, user_id), actor)
    return page.leads(page.plain(f"/admin/users/{user_id}/password"), done="admin_compromised")
