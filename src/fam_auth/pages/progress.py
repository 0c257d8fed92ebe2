"""A login that goes through the pages: which page takes each step, and where it leads when complete."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from starlette.requests import HTTPConnection

from fam_auth.exceptions import NoLogin
from fam_auth.http.cookies import forget_cookie, set_login_cookies
from fam_auth.http.credentials import SESSION_COOKIE, login_token_of
from fam_auth.http.login_request import arrival
from fam_auth.pages import flash
from fam_auth.pages.page import Page
from fam_auth.pages.site import Site
from fam_auth.pipeline import Complete, Incomplete, Outcome, Step
from fam_auth.repository.data_access.managers import logins
from fam_auth.values import Visit

SECOND_FACTOR, ELSEWHERE = "second_factor", "/sign-in/elsewhere"
FIRST_FACTOR = "first_factor"


def go_on(page: Page, outcome: Outcome) -> Response:
    """The response to a step: its cookies, and a redirect to the next step or, when complete, to the destination."""
    response = page.leads(address_after(page, outcome))
    keep(page, response, outcome)
    return response


def address_after(page: Page, outcome: Outcome) -> str:
    """The URL of the next step or, when complete, of the destination."""
    return page.destination if isinstance(outcome, Complete) else page.url(path_of(page.site, outcome.next[0]))


def keep(page: Page, response: Response, outcome: Outcome) -> None:
    """Set the cookies of the outcome.

    A new login deletes the cookie of an invalid session, so that the browser does not send both.
    """
    set_login_cookies(page.auth, response, outcome)
    if isinstance(outcome, Complete):
        flash.drop(page.auth, response, flash.MAILBOX)
    elif page.session is None:
        forget_cookie(page.auth, response, SESSION_COOKIE)


def path_of(site: Site, step: Step) -> str:
    """The path of the page for a step; of a page that explains it if there is none."""
    if step.name == FIRST_FACTOR:
        return "/sign-in/again"
    if step.name != SECOND_FACTOR:
        return site.steps.get(step.name, ELSEWHERE)
    paths = (site.steps.get(f"{SECOND_FACTOR}/{method['method']}") for method in step.detail["methods"])
    return next((path for path in paths if path), ELSEWHERE)


async def by_cookie(connection: HTTPConnection) -> Visit:
    """A dependency: the context of a sign-in on a page, which always uses cookies."""
    arrived = arrival(connection)
    return Visit(arrived.client, "cookie", arrived.login_token, arrived.device_token)


async def standing(page: Page) -> Incomplete:
    """The state of the login in progress. Raises NoLogin."""
    token = login_token_of(page.request)
    if token is None:
        raise NoLogin
    return await logins.standing(page.auth, token)


async def methods(page: Page) -> list[Mapping[str, Any]]:
    """The second factors that the login in progress accepts. Raises NoLogin if it does not wait for one."""
    for step in (await standing(page)).next:
        if step.name == SECOND_FACTOR:
            found: list[Mapping[str, Any]] = step.detail["methods"]
            return found
    raise NoLogin
