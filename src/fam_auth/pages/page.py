"""Page: one request for a page, with all that its template asks."""

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
# The fields that some refusals are about as a whole.
FIELDS: Mapping[type[Refusal], str] = {InvalidCode: "code", InvalidToken: "token"}


class Page:
    """Who asks for a page, in which language, where they want to go, and what was wrong with what they sent.

    `user` and `session` are None when nobody is signed in; `given` is what a form sent, `refusal` why it was refused.
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
        """The user's language if they chose one, else the first of the browser's that there is."""
        locale = self.user.locale if self.user else None
        return self.auth.texts.choose(locale, self.request.headers.get("accept-language"))

    @property
    def direction(self) -> str:
        """Which way the language is written: `ltr` or `rtl`."""
        return self.auth.texts.direction(self.language)

    @property
    def languages(self) -> dict[str, str]:
        """The languages that there are, by their tags, each by its own name."""
        return {tag: self.auth.texts.say(tag, "language.name") for tag in self.auth.texts.languages}

    def moment(self, at: datetime) -> str:
        """A moment in words."""
        return self.auth.texts.moment(self.language, at)

    def day(self, at: datetime) -> str:
        """The day of a moment in words, without its year."""
        return self.auth.texts.day(self.language, at)

    @cached_property
    def done(self) -> str | None:
        """The key of what the page before has done; None when nothing."""
        return (flash.found(self.auth, self.request, flash.DONE) or {}).get("key")

    @cached_property
    def mailbox(self) -> str | None:
        """The address that this browser has asked a mail for; None when it has not."""
        return (flash.found(self.auth, self.request, flash.MAILBOX) or {}).get("email")

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with each field, in words."""
        if isinstance(self.refusal, InvalidRequest):
            return {error["field"]: self._error(error) for error in self.refusal.errors}
        whole = [field for kind, field in FIELDS.items() if isinstance(self.refusal, kind)]
        return {field: self._error({"code": self.refusal.code}) for field in whole if self.refusal is not None}

    @property
    def complaint(self) -> str | None:
        """What is wrong with the whole of it, in words; None when nothing is, or it stands beside the fields."""
        errors = self.errors
        if self.refusal is None or errors:
            return errors.get("")
        return self.explained(self.refusal)

    def explained(self, refusal: Refusal) -> str:
        """A refusal in words, with how long to wait."""
        key, texts = f"pages.errors.{refusal.code}", self.auth.texts
        own = texts.say(self.language, key) if texts.has(key) else None
        text = own or refusals.detail(texts, self.language, refusal)
        if refusal.retry_after is None or refusal.retry_after < timedelta(minutes=1):
            return text
        minutes = -(-refusal.retry_after // timedelta(minutes=1))
        return f"{text} {self.say('errors.wait', minutes=minutes)}"

    def say(self, key: str, **values: object) -> str:
        """The text of the pages under this key."""
        return self.auth.texts.say(self.language, f"pages.{key}", **values)

    def url(self, path: str, **query: str) -> str:
        """The address of a page that leads on to where this one does."""
        wanted = {**query, **({"next": self.next} if self.next else {})}
        return self.plain(path) + (f"?{urlencode(wanted)}" if wanted else "")

    def plain(self, path: str) -> str:
        """The address of a page, and nothing more."""
        return f"{self.request.scope['root_path']}{path}"

    def id_in_path(self, name: str) -> UUID:
        """The id that stands in the path; a form is shown again for a path with none, too. Raises NotFound."""
        try:
            return UUID(str(self.request.path_params[name]))
        except ValueError as error:
            raise NotFound from error

    def to_prove(self, path: str) -> str:
        """The address where somebody proves again who they are, and comes back to a page."""
        return f"{self.plain('/sign-in/again')}?{urlencode({'next': self.plain(path)})}"

    def meets(self, demand: Demand) -> bool:
        """Whether the session meets a demand of the page's form now; somebody must be signed in."""
        assert self.session is not None  # noqa: S101 - the routes ask for one
        try:
            demand.check(self.auth, self.session, self.request)
        except StepUpRequired:
            return False
        return True

    @property
    def destination(self) -> str:
        """Where to go after signing in."""
        return self.next or self.auth.settings.page_home or self.plain(HOME)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The navigation of the account."""
        return self.site.entries

    @property
    def here(self) -> str:
        """The path of this page, behind the prefix."""
        path: str = self.request.scope["path"]
        return path.removeprefix(self.request.scope["root_path"])

    def permits(self, name: str) -> bool:
        """Whether the session has a permission, for everything; an empty name asks for none."""
        claims = {} if self.session is None else self.session.claims
        return not name or name in claims.get("permissions", ())

    @property
    def administers(self) -> bool:
        """Whether there is a place in the administration for this user."""
        return any(self.permits(entry.permission) for entry in self.site.administration)

    def is_at(self, path: str) -> bool:
        """Whether this page, or one below it, is the one at `path`."""
        here = self.request.scope["path"].removeprefix(self.request.scope["root_path"])
        return here == path or (path != HOME and here.startswith(f"{path}/"))

    def agent(self, text: str | None) -> str:
        """A user agent in words."""
        browser, system = user_agent.described(text)
        if browser and system:
            return self.say("agents.on", browser=browser, system=system)
        return browser or system or self.say("agents.unknown")

    def place(self, address: str | None) -> str:
        """Where a network address is, in words."""
        if address is None:
            return self.say("sessions.somewhere")
        place = self.auth.place_of(address)
        return f"{place} ({address})" if place else address

    def shows(self, template: str, **values: Any) -> Response:
        """The page, with the status of what was refused."""
        code = status.HTTP_200_OK if self.refusal is None else self.refusal.status
        text = self.site.templates.get_template(template).render(page=self, t=self.say, **values)
        response = HTMLResponse(text, code, {"Content-Security-Policy": self.site.policy})
        if self.done is not None:
            flash.drop(self.auth, response, flash.DONE)
        return response

    def leads(self, address: str, *, done: str | None = None) -> Response:
        """A redirect after a form (303: the browser asks with GET, A-82); the next page says what was done."""
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
    """The page of a request, the same however often it is asked for."""
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
