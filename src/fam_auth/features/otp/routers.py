"""The routes of second factors."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response, status

from fam_auth.demands import permission, recent_proof, second_factor
from fam_auth.dependencies import (
    PERHAPS_SIGNED_IN,
    CurrentActor,
    CurrentAuth,
    CurrentClient,
    CurrentSession,
    CurrentUser,
    needs,
)
from fam_auth.exceptions import (
    CrossSite,
    Forbidden,
    InvalidCode,
    InvalidLoginToken,
    NotFound,
    StepUpRequired,
    TooManyAttempts,
    Unauthenticated,
)
from fam_auth.features.otp import factors, managers
from fam_auth.features.otp.factors import Given
from fam_auth.features.otp.schemas import (
    BrowserItem,
    Confirmed,
    DeviceItem,
    EnrolmentAnswer,
    FactorCode,
    Factors,
    FactorsOfUser,
    FirstCode,
    NewDevice,
    Reason,
    RecoveryCodes,
)
from fam_auth.features.otp.settings import ENROL, OtpSettings
from fam_auth.http.authentication import signed_in
from fam_auth.http.client import client_of
from fam_auth.http.credentials import has_credentials, login_token_of
from fam_auth.http.installed import auth_of
from fam_auth.http.login_request import MaybeLoginToken
from fam_auth.http.login_response import login_answer
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.routers import administration
from fam_auth.schemas.login import LoginAnswer
from fam_auth.schemas.user import Accepted
from fam_auth.values import Actor, User

router = new_router("otp")
email_router = new_router("otp")
admin_router = new_router("administration")
FRESH = timedelta(minutes=10)
GIVEN = refuses(InvalidCode, InvalidLoginToken, TooManyAttempts, Forbidden, CrossSite)
# What a route requires to remove another user's factors, here and on the pages.
REMOVES = (administration.MANAGES_USERS, administration.FRESH)
CHANGED = refuses(Unauthenticated, StepUpRequired, Forbidden, NotFound, CrossSite)


@dataclass(frozen=True, slots=True)
class Enrollee:
    """The user who adds a factor: signed in, or (with `login_token`) within a login that requires one.

    `keep` is the session or login that stays alive.
    """

    user: User
    actor: Actor
    keep: UUID
    login_token: str | None


async def enrollee(request: Request) -> Enrollee:
    """The user who may add a factor now. Raises Unauthenticated, StepUpRequired, InvalidLoginToken and Forbidden.

    With a factor already there it takes that factor; a password alone never adds one beside it.
    """
    auth, token = auth_of(request), login_token_of(request)
    if token is not None and not has_credentials(request):
        row = await logins.at_step(auth, token, ENROL)
        user = await users.get(auth, row.user_id)
        return Enrollee(user, Actor(client_of(request), user.id), row.id, token)
    session, user = await signed_in(request)
    has_factor = (await managers.standing(auth, user.id)).devices
    (second_factor(FRESH) if has_factor else recent_proof(FRESH)).check(auth, session, request)
    return Enrollee(user, Actor(client_of(request), user.id), session.id, None)


TheEnrollee = Annotated[Enrollee, Depends(enrollee)]


async def given(request: Request, token: MaybeLoginToken, body: FactorCode) -> Given:
    """The code for the login in progress. Raises InvalidLoginToken without one."""
    if token is None:
        raise InvalidLoginToken
    return Given(token, body.code, client_of(request), body.remember_browser)


TheGiven = Annotated[Given, Depends(given)]


@router.post("/login/totp", responses=GIVEN)
async def verify_totp(auth: CurrentAuth, given: TheGiven, response: Response) -> LoginAnswer:
    """Continue a login with the code of an authenticator app."""
    return login_answer(auth, response, await factors.by_totp(auth, given))


@router.post("/login/recovery-code", responses=GIVEN)
async def use_recovery_code(auth: CurrentAuth, given: TheGiven, response: Response) -> LoginAnswer:
    """Continue a login with a recovery code, which works once."""
    return login_answer(auth, response, await factors.by_recovery_code(auth, given))


@email_router.post(
    "/login/email-code/send",
    status_code=status.HTTP_202_ACCEPTED,
    responses=refuses(InvalidLoginToken, Forbidden, CrossSite),
)
async def send_login_code(auth: CurrentAuth, client: CurrentClient, token: MaybeLoginToken) -> Accepted:
    """Send a code for the login in progress by mail."""
    await factors.send_email_code(auth, token or "", client)
    return Accepted()


@email_router.post("/login/email-code", responses=GIVEN)
async def verify_email_code(auth: CurrentAuth, given: TheGiven, response: Response) -> LoginAnswer:
    """Continue a login with the code of the mail."""
    return login_answer(auth, response, await factors.by_email_code(auth, given))


@router.get("/otp", responses=refuses(Unauthenticated))
async def list_factors(auth: CurrentAuth, user: CurrentUser, session: CurrentSession) -> Factors:
    """List your second factors."""
    left = (await managers.standing(auth, user.id)).recovery_codes
    devices = await managers.devices(auth, user.id)
    return Factors(
        required=auth.of(OtpSettings).is_required_of(user, session.claims),
        devices=[DeviceItem.model_validate(row) for row in devices],
        recovery_codes_left=left,
        new_recovery_codes_advised=bool(devices) and left <= managers.FEW,
        trusted_browsers=[BrowserItem.model_validate(row) for row in await managers.browsers(auth, user.id)],
    )


@router.post(
    "/otp/devices",
    status_code=status.HTTP_201_CREATED,
    dependencies=[PERHAPS_SIGNED_IN],
    responses=refuses(Unauthenticated, StepUpRequired, InvalidLoginToken, CrossSite),
)
async def add_device(auth: CurrentAuth, enrollee: TheEnrollee, body: NewDevice) -> EnrolmentAnswer:
    """Start to add an authenticator app. Confirm it within ten minutes.

    Also works within a login with the step `enroll_second_factor`.
    """
    return EnrolmentAnswer.model_validate(await managers.begin(auth, enrollee.user, body.name))


@router.post(
    "/otp/devices/{device_id}/confirm",
    dependencies=[PERHAPS_SIGNED_IN],
    responses=refuses(Unauthenticated, StepUpRequired, InvalidLoginToken, InvalidCode, NotFound, CrossSite),
)
async def confirm_device(
    auth: CurrentAuth, enrollee: TheEnrollee, device_id: UUID, response: Response, body: FirstCode
) -> Confirmed:
    """Confirm an authenticator app with its first code. The first app comes with the recovery codes, shown once."""
    who, code = enrollee, body.code
    codes = await managers.confirm(auth, who.user, device_id, code, who.actor, keep=who.keep)
    if who.login_token is None:
        return Confirmed(recovery_codes=codes)
    outcome = await factors.enrolled(auth, who.login_token, who.actor.client)
    return Confirmed(recovery_codes=codes, login=login_answer(auth, response, outcome))


@router.delete(
    "/otp/devices/{device_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(second_factor(within=FRESH))],
    responses=CHANGED,
)
async def remove_device(
    auth: CurrentAuth, user: CurrentUser, session: CurrentSession, actor: CurrentActor, device_id: UUID
) -> None:
    """Remove an authenticator app. Removing the last one removes the recovery codes too."""
    await managers.remove(auth, user, device_id, actor, keep=session.id)


@router.post("/otp/recovery-codes", dependencies=[needs(second_factor(within=FRESH))], responses=CHANGED)
async def replace_recovery_codes(auth: CurrentAuth, user: CurrentUser, actor: CurrentActor) -> RecoveryCodes:
    """Create ten new recovery codes. The old ones no longer work."""
    return RecoveryCodes(recovery_codes=await managers.replace_codes(auth, user, actor))


@router.delete(
    "/otp/browsers/{browser_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=refuses(Unauthenticated, NotFound, CrossSite),
)
async def distrust_browser(auth: CurrentAuth, user: CurrentUser, browser_id: UUID) -> None:
    """Stop trusting a browser: it needs the second factor again."""
    await managers.distrust(auth, user, browser_id)


@admin_router.get(
    "/users/{user_id}/otp",
    dependencies=[needs(permission("users:read"))],
    responses=refuses(Unauthenticated, Forbidden, NotFound),
)
async def list_factors_of_user(auth: CurrentAuth, user_id: UUID) -> FactorsOfUser:
    """List the second factors of a user, without their secrets."""
    await users.get(auth, user_id)
    left = (await managers.standing(auth, user_id)).recovery_codes
    devices = await managers.devices(auth, user_id)
    return FactorsOfUser(devices=[DeviceItem.model_validate(row) for row in devices], recovery_codes_left=left)


@admin_router.post(
    "/users/{user_id}/otp/remove",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*REMOVES)],
    responses=CHANGED,
)
async def remove_factors_of_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, body: Reason) -> None:
    """Remove all second factors of a user who lost them, and end their sessions. The reason is recorded."""
    await managers.remove_all(auth, await users.get(auth, user_id), body.reason, actor)
