"""Page: one request for a hosted page, with everything that its template needs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Response, status
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from fam_auth.core import refusals
from fam_auth.demands import Demand
from fam_auth.exceptions import (
    InvalidCode,
    InvalidRequest,
    InvalidToken,
    NotFound,
    Refusal,
    StepUpRequired,
    Unauthenticated,
)
from fam_auth.feature import Entry
from fam_auth.http.authentication import signed_in
from fam_auth.http.credentials import has_credentials
from fam_auth.pages import flash, user_agent
from fam_auth.pages.redirects import allowed
from fam_auth.pages.site import Site, site_of
from fam_auth.values import Session, User

PLACE = "fam_auth.page"
HOME = "/account"
# Refusals that concern a single field, which shows their text.
FIELDS: Mapping[type[Refusal], str] = {InvalidCode: "code", InvalidToken: "token"}


class Page:
    """A request for a page: the user, the language, where to go next, and what was wrong with the form.

    `user` and `session` are None when the visitor is not signed in. `given` holds the fields of a form that was
    refused, and `refusal` says why.
    """

    def __init__(self, request: Request, known: tuple[Session, User] | None) -> None:
        self.request = request
        self.site: Site = site_of(request)
        self.auth = self.site.auth
        self.session: Session | None = known[0] if known else None
        self.user: User | None = known[1] if known else None
        self.given: Mapping[str, str] = {}
        self.refusal: Refusal | None = None
        self.next = allowed(self.auth.settings, request.query_params.get("next"))

    @cached_property
    def language(self) -> str:
        """The language that the user has chosen, else the best match for Accept-Language."""
        locale = self.user.locale if self.user else None
        return self.auth.texts.choose(locale, self.request.headers.get("accept-language"))

    @property
    def direction(self) -> str:
        """The writing direction of the language: `ltr` or `rtl`."""
        return self.auth.texts.direction(self.language)

    @property
    def languages(self) -> dict[str, str]:
        """The available languages: each tag with the language's own name."""
        return {tag: self.auth.texts.say(tag, "language.name") for tag in self.auth.texts.languages}

    def moment(self, at: datetime) -> str:
        """A date and time in words, in UTC."""
        return self.auth.texts.moment(self.language, at)

    def day(self, at: datetime) -> str:
        """A date in words, without the year, in UTC."""
        return self.auth.texts.day(self.language, at)

    @cached_property
    def done(self) -> str | None:
        """The key of the flash message that the previous page left, or None."""
        return (flash.found(self.auth, self.request, flash.DONE) or {}).get("key")

    @cached_property
    def mailbox(self) -> str | None:
        """The address to which this browser requested a mail, or None."""
        return (flash.found(self.auth, self.request, flash.MAILBOX) or {}).get("email")

    @property
    def errors(self) -> dict[str, str]:
        """The error text of each field."""
        if isinstance(self.refusal, InvalidRequest):
            return {error["field"]: self._error(error) for error in self.refusal.errors}
        whole = [field for kind, field in FIELDS.items() if isinstance(self.refusal, kind)]
        return {field: self._error({"code": self.refusal.code}) for field in whole if self.refusal is not None}

    @property
    def complaint(self) -> str | None:
        """The error text for the form as a whole; None without one, or if the errors are shown beside the fields."""
        errors = self.errors
        if self.refusal is None or errors:
            return errors.get("")
        return self.explained(self.refusal)

    def explained(self, refusal: Refusal) -> str:
        """The text of a refusal, and how many minutes to wait if it says so."""
        key, texts = f"pages.errors.{refusal.code}", self.auth.texts
        own = texts.say(self.language, key) if texts.has(key) else None
        text = own or refusals.detail(texts, self.language, refusal)
        if refusal.retry_after is None or refusal.retry_after < timedelta(minutes=1):
            return text
        minutes = -(-refusal.retry_after // timedelta(minutes=1))
        return f"{text} {self.say('errors.wait', minutes=minutes)}"

    def say(self, key: str, **values: object) -> str:
        """The text `pages.<key>` in the language of the page."""
        return self.auth.texts.say(self.language, f"pages.{key}", **values)

    def url(self, path: str, **query: str) -> str:
        """The URL of a page, with this page's destination passed on as `next`."""
        wanted = {**query, **({"next": self.next} if self.next else {})}
        return self.plain(path) + (f"?{urlencode(wanted)}" if wanted else "")

    def plain(self, path: str) -> str:
        """The URL of a page, without `next`."""
        return f"{self.request.scope['root_path']}{path}"

    def id_in_path(self, name: str) -> UUID:
        """A UUID from the path. Raises NotFound for an invalid one.

        FastAPI does not check the path when a refused form is shown again, so this does.
        """
        try:
            return UUID(str(self.request.path_params[name]))
        except ValueError as error:
            raise NotFound from error

    def to_prove(self, path: str) -> str:
        """The URL where the user confirms who they are (step-up) and then returns to `path`."""
        return f"{self.plain('/sign-in/again')}?{urlencode({'next': self.plain(path)})}"

    def meets(self, demand: Demand) -> bool:
        """Whether the session meets a demand now; False if it requires a step-up. The visitor must be signed in."""
        assert self.session is not None  # noqa: S101 - the routes ask for one
        try:
            demand.check(self.auth, self.session, self.request)
        except StepUpRequired:
            return False
        return True

    @property
    def destination(self) -> str:
        """The URL to go to after sign-in: `next`, the setting `page_home`, or the account."""
        return self.next or self.auth.settings.page_home or self.plain(HOME)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The menu of the account."""
        return self.site.entries

    @property
    def here(self) -> str:
        """The path of this page, without the prefix."""
        path: str = self.request.scope["path"]
        return path.removeprefix(self.request.scope["root_path"])

    def permits(self, name: str) -> bool:
        """Whether the session has a permission globally. An empty name requires none."""
        claims = {} if self.session is None else self.session.claims
        return not name or name in claims.get("permissions", ())

    @property
    def administers(self) -> bool:
        """Whether this user may open at least one page of the administration."""
        return any(self.permits(entry.permission) for entry in self.site.administration)

    def is_at(self, path: str) -> bool:
        """Whether this page is the one at `path` or below it, so that the menu marks it."""
        here = self.request.scope["path"].removeprefix(self.request.scope["root_path"])
        return here == path or (path != HOME and here.startswith(f"{path}/"))

    def agent(self, text: str | None) -> str:
        """A user agent in words, such as "Firefox on Linux"."""
        browser, system = user_agent.described(text)
        if browser and system:
            return self.say("agents.on", browser=browser, system=system)
        return browser or system or self.say("agents.unknown")

    def place(self, address: str | None) -> str:
        """A network address, with the place that `Auth(place_of=...)` knows for it."""
        if address is None:
            return self.say("sessions.somewhere")
        place = self.auth.place_of(address)
        return f"{place} ({address})" if place else address

    def shows(self, template: str, **values: Any) -> Response:
        """Render a template. The status is 200, or that of the refusal."""
        code = status.HTTP_200_OK if self.refusal is None else self.refusal.status
        text = self.site.templates.get_template(template).render(page=self, t=self.say, **values)
        response = HTMLResponse(text, code, {"Content-Security-Policy": self.site.policy})
        if self.done is not None:
            flash.drop(self.auth, response, flash.DONE)
        return response

    def leads(self, address: str, *, done: str | None = None) -> Response:
        """Redirect after a form. `done` is the key of a flash message for the next page.

        Status 303 makes the browser use GET: with 307 it would send the form, and its password, to the next URL too.
        """
        response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
        if done is not None:
            flash.leave(self.auth, response, flash.DONE, {"key": done})
        return response

    def _error(self, error: Mapping[str, Any]) -> str:
        key, texts = f"pages.errors.{error['code']}", self.auth.texts
        if not texts.has(key):
            return str(refusals.errors(texts, self.language, [error])[0]["message"])
        return texts.say(self.language, key)


async def page_of(request: Request) -> Page:
    """The Page of a request, created once per request."""
    page: Page | None = request.scope.get(PLACE)
    if page is None:
        page = request.scope[PLACE] = Page(request, await _known(request))
    return page


async def _known(request: Request) -> tuple[Session, User] | None:
    if not has_credentials(request):
        return None
    try:
        return await signed_in(request)
    except Unauthenticated:
        return None


CurrentPage = Annotated[Page, Depends(page_of)]
