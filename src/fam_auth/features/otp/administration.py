"""The administration page for a user's second factors."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from fam_auth.dependencies import CurrentActor, needs
from fam_auth.feature import Entry
from fam_auth.features.otp import managers
from fam_auth.features.otp.routers import REMOVES
from fam_auth.features.otp.schemas import DeviceItem, Reason
from fam_auth.pages import CurrentPage, Page, form, new_router, shown_on
from fam_auth.pages.administration.admin_page import SEES_USERS, shows_user
from fam_auth.pages.administration.users import user_id_of
from fam_auth.repository.data_access.managers import users

router = new_router()
TAB = Entry("/second-factors", "second_factors", "shield", "users:read")


async def _of_user(page: Page) -> Response:
    user = await users.get(page.auth, user_id_of(page))
    devices = [DeviceItem.model_validate(row) for row in await managers.devices(page.auth, user.id)]
    left = (await managers.standing(page.auth, user.id)).recovery_codes
    return shows_user(page, "otp/of_user.html", user, devices=devices, left=left)


@router.get("/admin/users/{user_id}/second-factors", dependencies=[needs(SEES_USERS)])
async def factors_of_user(page: CurrentPage, user_id: UUID) -> Response:
    """Lists a user's second factors, never their secrets."""
    del user_id
    return await _of_user(page)


@router.post("/admin/users/{user_id}/second-factors/remove", dependencies=[needs(SEES_USERS, *REMOVES)])
@shown_on(_of_user)
async def remove(
    page: CurrentPage, actor: CurrentActor, user_id: UUID, given: Annotated[Reason, form(Reason)]
) -> Response:
    """Removes every second factor of the user and signs them out; the audit log keeps the reason."""
    await managers.remove_all(page.auth, await users.get(page.auth, user_id), given.reason, actor)
    return page.leads(page.plain(f"/admin/users/{user_id}/second-factors"), done="factors_removed")
