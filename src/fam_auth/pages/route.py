"""The route class of the pages: it reads forms, and answers refusals with a page instead of a problem."""

from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from fam_auth.exceptions import (
    Busy,
    CrossSite,
    InternalError,
    InvalidLoginToken,
    InvalidRequest,
    NoLogin,
    PayloadTooLarge,
    Refusal,
    StepUpRequired,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from fam_auth.http.authentication import SignedIn
from fam_auth.http.body import explained
from fam_auth.http.credentials import SAFE, refuse_cross_site
from fam_auth.http.installed import auth_of
from fam_auth.http.route import Handler, Route
from fam_auth.pages import forms
from fam_auth.pages.page import PLACE, Page, page_of

Shows = Callable[[Page], Awaitable[Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
FORM, BARRED = "fam_auth_form", "fam_auth.barred"
# Refusals that no change to the form would resolve.
NEVER_BESIDE_A_FORM = (CrossSite, InternalError, PayloadTooLarge, UnsupportedMediaType)


class PageRoute(Route):
    """A route that answers with HTML pages, also when a request is refused."""

    async def handled(self, handle: Handler, request: Request) -> Response:
        try:
            if request.method not in SAFE:
                refuse_cross_site(request, auth_of(request))
                await forms.read(request)
            return await super().handled(handle, request)
        except RequestValidationError as error:
            return await self._again(request, InvalidRequest(explained(error.errors())))
        except Refusal as refusal:
            return await self._again(request, refusal)

    def refused(self, request: Request, refusal: Refusal) -> Response:
        page: Page = request.scope.get(PLACE) or Page(request, None)
        return error_page(page, refusal)

    async def _barred(self, request: Request) -> Refusal | None:
        """The refusal that bars the visitor from the form's page, such as Unauthenticated; None if they may see it.

        A form that cannot be read is refused before the route's dependencies run. Without this check, showing the form
        again would show its page to visitors who may not see it.
        """
        try:
            for guard in guards(self.dependant):
                await guard(request)
        except Refusal as barred:
            request.scope[BARRED] = barred
            return barred
        return None

    async def _again(self, request: Request, refusal: Refusal) -> Response:
        """The response to a refusal: a redirect to sign-in or step-up, or the form again with the reason beside it.

        Raises the refusal if none of them helps; it becomes an error page.
        """
        if isinstance(refusal, NEVER_BESIDE_A_FORM):
            raise refusal
        # Access comes first: a visitor who may not see the page is not told what is wrong with its form.
        page, refusal = await page_of(request), await self._barred(request) or refusal
        # Not its subclasses: wrong credentials are shown beside the form.
        if type(refusal) is Unauthenticated:
            return page.leads(_signing_in(page, request))
        if isinstance(refusal, StepUpRequired):
            return page.leads(page.to_prove(_here(request)))
        if isinstance(refusal, InvalidLoginToken | NoLogin):
            return page.leads(page.url("/sign-in" if page.user is None else "/sign-in/again"), done="login_over")
        shows: Shows | None = getattr(self.endpoint, FORM, None)
        is_down = isinstance(refusal, Unavailable) and not isinstance(refusal, Busy)
        if shows is None or is_down or refusal is request.scope.get(BARRED):
            raise refusal
        page.refusal, page.given = refusal, forms.given(request)
        return await shows(page)


def guards(dependant: Dependant) -> Iterator[SignedIn]:
    """The dependencies of a route that require a session."""
    for one in dependant.dependencies:
        if isinstance(one.call, SignedIn):
            yield one.call
        yield from guards(one)


def shown_on(shows: Shows) -> Callable[[Endpoint], Endpoint]:
    """Decorate the endpoint of a form: when it is refused, `shows` renders the form's page again with the reason."""

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, FORM, shows)
        return endpoint

    return marked


def new_router() -> APIRouter:
    """A router for pages, which are left out of the OpenAPI document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=Response)


def error_page(page: Page, refusal: Refusal) -> Response:
    """The error page for a refusal. It needs no query, so it also works while the database is down."""
    page.refusal = refusal
    phrase = HTTPStatus(refusal.status).phrase
    response = page.shows("error.html", phrase=phrase, request_id=page.request.scope.get("fam_auth.request_id"))
    response.headers.update(refusal.headers())
    return response


def _signing_in(page: Page, request: Request) -> str:
    page.next = page.plain(_here(request))
    return page.url("/sign-in")


def _here(request: Request) -> str:
    """The path of the requested page; for a form that was sent, the path of the page it is on."""
    path: str = request.scope["path"].removeprefix(request.scope["root_path"])
    if request.method in SAFE:
        return path
    if path.startswith("/admin/"):
        return path.rpartition("/")[0]
    return "/".join(path.split("/")[:3]) if path.startswith("/account/") else path
