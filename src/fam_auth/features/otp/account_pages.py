"""The pages where a user adds and manages their second factors."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from fam_auth.demands import recent_proof, second_factor
from fam_auth.dependencies import PERHAPS_SIGNED_IN, CurrentActor, CurrentSession, CurrentUser, needs
from fam_auth.features.otp import factors, managers
from fam_auth.features.otp.routers import FRESH, TheEnrollee, enrollee
from fam_auth.features.otp.schemas import Code, NewDevice
from fam_auth.http.login_request import maybe_login_token
from fam_auth.pages import CurrentPage, Page, form, new_router, shown_on
from fam_auth.pages.progress import address_after, keep
from fam_auth.pipeline import Outcome
from fam_auth.schemas.base import Body

router = new_router()
FACTORS, ENROL = "/account/second-factors", "/sign-in/enrol"
DEVICES = f"{FACTORS}/devices"
STRONG, RECENT = second_factor(FRESH), recent_proof(FRESH)


class ShownCode(Body):
    """The code that a new authenticator shows."""

    code: Code


async def _listed(page: Page) -> Response:
    assert page.user is not None  # noqa: S101 - the routes ask for one
    auth, user = page.auth, page.user
    left = (await managers.standing(auth, user.id)).recovery_codes
    devices = await managers.devices(auth, user.id)
    return page.shows(
        "otp/factors.html",
        devices=devices,
        left=left,
        few=left <= managers.FEW,
        browsers=await managers.browsers(auth, user.id),
        is_fresh=page.meets(STRONG if devices else RECENT),
    )


@router.get(FACTORS, dependencies=[needs()])
async def list_factors(page: CurrentPage) -> Response:
    """Lists the authenticators, the recovery codes that are left, and the trusted browsers."""
    return await _listed(page)


@router.get(ENROL, dependencies=[Depends(maybe_login_token)])
async def must_enrol(page: CurrentPage) -> Response:
    """Says that the user must add an authenticator to continue the login."""
    return page.shows("otp/must_enrol.html")


async def _where_it_began(page: Page) -> Response:
    return page.shows("otp/must_enrol.html") if page.user is None else await _listed(page)


@router.post(DEVICES, dependencies=[PERHAPS_SIGNED_IN])
@shown_on(_where_it_began)
async def begin(page: CurrentPage, who: TheEnrollee, given: Annotated[NewDevice, form(NewDevice)]) -> Response:
    """Starts to add an authenticator; the next page shows its QR code."""
    begun = await managers.begin(page.auth, who.user, given.name)
    return page.leads(page.url(f"{DEVICES}/{begun.id}"))


async def _shown(page: Page) -> Response:
    who, device_id = await enrollee(page.request), page.id_in_path("device_id")
    enrolment = await managers.pending(page.auth, who.user, device_id)
    in_login = who.login_token is not None
    return page.shows("otp/device.html", enrolment=enrolment, qr=_scalable(enrolment.qr_svg), in_login=in_login)


@router.get(DEVICES + "/{device_id}", dependencies=[PERHAPS_SIGNED_IN])
async def show_device(page: CurrentPage, device_id: UUID) -> Response:
    """Shows the QR code of an unconfirmed authenticator, and a field for its first code."""
    del device_id
    return await _shown(page)


@router.post(DEVICES + "/{device_id}", dependencies=[PERHAPS_SIGNED_IN])
@shown_on(_shown)
async def confirm(
    page: CurrentPage, who: TheEnrollee, device_id: UUID, given: Annotated[ShownCode, form(ShownCode)]
) -> Response:
    """Confirms the authenticator. Shows the recovery codes with the first one, and continues a waiting login."""
    code = "".join(given.code.split())
    codes = await managers.confirm(page.auth, who.user, device_id, code, who.actor, keep=who.keep)
    if who.login_token is None:
        return _codes(page, codes, None) if codes else page.leads(page.plain(FACTORS), done="device_added")
    return _codes(page, codes or [], await factors.enrolled(page.auth, who.login_token, who.actor.client))


@router.post(DEVICES + "/{device_id}/remove", dependencies=[needs(STRONG)])
@shown_on(_listed)
async def remove(
    page: CurrentPage, user: CurrentUser, session: CurrentSession, actor: CurrentActor, device_id: UUID
) -> Response:
    """Removes an authenticator."""
    await managers.remove(page.auth, user, device_id, actor, keep=session.id)
    return page.leads(page.plain(FACTORS), done="device_removed")


@router.post(f"{FACTORS}/recovery-codes", dependencies=[needs(STRONG)])
@shown_on(_listed)
async def replace_codes(page: CurrentPage, user: CurrentUser, actor: CurrentActor) -> Response:
    """Replaces the recovery codes by ten new ones, and shows them once."""
    return _codes(page, await managers.replace_codes(page.auth, user, actor), None)


@router.post(FACTORS + "/browsers/{browser_id}/distrust")
@shown_on(_listed)
async def distrust(page: CurrentPage, user: CurrentUser, browser_id: UUID) -> Response:
    """Stops trusting a browser: it needs the second factor again."""
    await managers.distrust(page.auth, user, browser_id)
    return page.leads(page.plain(FACTORS), done="browser_distrusted")


def _scalable(svg: str) -> str:
    """The image without a fixed size, so that a small screen shrinks it instead of cutting it."""
    return re.sub(r'width="(\d+)" height="(\d+)"', r'viewBox="0 0 \1 \2"', svg, count=1)


def _codes(page: Page, codes: list[str], outcome: Outcome | None) -> Response:
    """Shows the codes in this response, without a redirect: only their digests are stored, so no other page could."""
    further = page.plain(FACTORS) if outcome is None else address_after(page, outcome)
    response = page.shows("otp/codes.html", codes=codes, further=further, in_login=outcome is not None)
    if outcome is not None:
        keep(page, response, outcome)
    return response
