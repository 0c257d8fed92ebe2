"""The pages that ask for a second factor within a login."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, Response
from pydantic import Field

from fam_auth.dependencies import CurrentClient
from fam_auth.exceptions import NoLogin
from fam_auth.feature import Entry, Pages
from fam_auth.features.otp import account_pages, administration, factors
from fam_auth.features.otp.factors import Given
from fam_auth.features.otp.schemas import Code
from fam_auth.features.otp.settings import OtpSettings
from fam_auth.http.login_request import MaybeLoginToken, maybe_login_token
from fam_auth.pages import CurrentPage, Page, form, go_on, new_router, shown_on
from fam_auth.pages.progress import methods
from fam_auth.schemas.base import Body

router, email_router = new_router(), new_router()
PATHS = {
    "totp": "/sign-in/authenticator",
    "recovery_code": "/sign-in/recovery-code",
    "email_code": "/sign-in/email-code",
}
UnderWay = Depends(maybe_login_token)


class CodeForm(Body):
    """A code, and the checkbox to trust this browser."""

    code: Code
    remember_browser: str | None = Field(None, max_length=10)


async def code_given(
    token: MaybeLoginToken, client: CurrentClient, given: Annotated[CodeForm, form(CodeForm)]
) -> Given:
    """The code for the login in progress. Raises NoLogin without one."""
    if token is None:
        raise NoLogin
    return Given(token, "".join(given.code.split()), client, remember_browser=given.remember_browser is not None)


TheCode = Annotated[Given, Depends(code_given)]


async def _asks(page: Page, method: str) -> Response:
    found = await methods(page)
    detail = next((one for one in found if one["method"] == method), None)
    if detail is None:
        return page.leads(page.url("/sign-in/continue"))
    others = [one["method"] for one in found if one["method"] != method and one["method"] in PATHS]
    remembers = page.auth.of(OtpSettings).remember_browser
    return page.shows("otp/give.html", method=method, detail=detail, others=others, paths=PATHS, remembers=remembers)


@router.get(PATHS["totp"], dependencies=[UnderWay])
async def authenticator(page: CurrentPage) -> Response:
    """Asks for the code of an authenticator."""
    return await _asks(page, "totp")


@router.get(PATHS["recovery_code"], dependencies=[UnderWay])
async def recovery_code(page: CurrentPage) -> Response:
    """Asks for a recovery code."""
    return await _asks(page, "recovery_code")


@email_router.get(PATHS["email_code"], dependencies=[UnderWay])
async def email_code(page: CurrentPage) -> Response:
    """Asks for the mailed code, with a button to send one."""
    return await _asks(page, "email_code")


@router.post(PATHS["totp"])
@shown_on(authenticator)
async def give_totp(page: CurrentPage, given: TheCode) -> Response:
    """Continues the login by a code of an authenticator."""
    return go_on(page, await factors.by_totp(page.auth, given))


@router.post(PATHS["recovery_code"])
@shown_on(recovery_code)
async def give_recovery_code(page: CurrentPage, given: TheCode) -> Response:
    """Continues the login by a recovery code."""
    return go_on(page, await factors.by_recovery_code(page.auth, given))


@email_router.post(PATHS["email_code"])
@shown_on(email_code)
async def give_email_code(page: CurrentPage, given: TheCode) -> Response:
    """Continues the login by a mailed code."""
    return go_on(page, await factors.by_email_code(page.auth, given))


@email_router.post("/sign-in/email-code/send")
@shown_on(email_code)
async def send_email_code(page: CurrentPage, token: MaybeLoginToken, client: CurrentClient) -> Response:
    """Mails a code for the login."""
    await factors.send_email_code(page.auth, token or "", client)
    return page.leads(page.url(PATHS["email_code"]), done="code_sent")


def brought(*, email_code: bool) -> Pages:
    """The pages of two-factor authentication."""
    return Pages(
        routers=(router, account_pages.router, administration.router, *([email_router] if email_code else [])),
        templates=Path(__file__).parent / "templates",
        entries=(Entry(account_pages.FACTORS, "second_factors", "shield"),),
        steps={
            "enroll_second_factor": account_pages.ENROL,
            **{f"second_factor/{method}": path for method, path in PATHS.items()},
        },
        about_user=(administration.TAB,),
    )
