"""A browser without script or style: it reads pages, fills in their forms, and follows where they lead."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx2

from fam_auth.features.otp import totp
from tests.support.people import PASSWORD, Person, World

SILENT = {"script", "style", "svg", "title"}
VOID = {"input", "meta", "link", "img", "br", "path", "circle", "rect"}


@dataclass
class Form:
    """A form as it stands in a page: where it goes, and its fields with their attributes."""

    action: str
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """What it sends as it is; a box that is not ticked sends nothing."""
        kept = {name: one for name, one in self.fields.items() if name and one.get("type") != "checkbox"}
        return {name: one.get("value", "") for name, one in kept.items()}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._within: list[str] = []
        self._open: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self._within.append(tag)
        if tag == "form":
            self._open = Form(given["action"])
            self.forms.append(self._open)
        if self._open is not None and tag in {"input", "select"}:
            self._open.fields[given.get("name", "")] = given
            self._select = given.get("name", "")
        if self._open is not None and tag == "option" and "selected" in given:
            self._open.fields[self._select]["value"] = given["value"]
        if tag == "a":
            self.links.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within = self._within[: len(self._within) - 1 - self._within[::-1].index(tag)]
        if tag == "form":
            self._open = None

    def handle_data(self, data: str) -> None:
        if not SILENT & set(self._within):
            self.words.append(data)


@dataclass
class Browser:
    """Somebody's browser, at the page that it has asked for last."""

    world: World
    email: str
    http: httpx2.AsyncClient
    answers: list[httpx2.Response] = field(default_factory=list)
    secret: str = ""

    @property
    def answer(self) -> httpx2.Response:
        """The page as it came."""
        return self.answers[-1]

    @property
    def page(self) -> _Reader:
        """The page as it is read."""
        reader = _Reader()
        reader.feed(self.answer.text)
        return reader

    @property
    def text(self) -> str:
        """What stands in the page."""
        return " ".join(" ".join(self.page.words).split())

    @property
    def path(self) -> str:
        """Where it is."""
        return self.answer.url.path

    async def open(self, path: str, **headers: str) -> "Browser":
        """The page at an address, or where that leads."""
        await self._ask("GET", path if path.startswith("/auth") else f"/auth{path}", headers=headers)
        return self

    async def send(self, action: str | None = None, /, **values: str) -> "Browser":
        """The form whose address ends like that is filled in and sent; None: the only one in the card."""
        forms = [one for one in self.page.forms if not one.action.endswith("/sign-out")]
        found = [one for one in forms if action is None or one.action.partition("?")[0].endswith(action)]
        form = found[0]
        assert set(values) <= set(form.fields), form
        await self._ask("POST", form.action, data={**form.values(), **values})
        return self

    async def leave(self) -> "Browser":
        """Signs out by the button of the page."""
        form = next(one for one in self.page.forms if one.action.endswith("/sign-out"))
        await self._ask("POST", form.action)
        return self

    async def sign_up(self, password: str = PASSWORD) -> "Browser":
        """Asks for an account."""
        await self.open("/sign-up")
        return await self.send(email=self.email, password=password, name="Ada")

    async def verify(self) -> "Browser":
        """Follows the link of the newest mail, and presses the button."""
        await self.open("/verify-email")
        return await self.send(token=await self.token())

    async def sign_in(self, password: str = PASSWORD, **query: str) -> "Browser":
        """Signs in, as far as the password leads."""
        await self.open("/sign-in?" + str(httpx2.QueryParams(query)) if query else "/sign-in")
        return await self.send("/sign-in", email=self.email, password=password)

    async def enrol(self) -> list[str]:
        """Adds an authenticator from the page that offers it; returns the recovery codes."""
        await self.send("/devices")
        found = re.search(r'data-plain="(\w+)"', self.answer.text)
        assert found
        self.secret = found.group(1)
        await self.send(code=self.code())
        self.world.clock.travel(seconds=30)
        return re.findall(r"<li>([a-z0-9-]{29})</li>", self.answer.text)

    def code(self) -> str:
        """The code of the authenticator now."""
        return totp.code_of(self.secret, totp.step_of(self.world.clock()))

    async def token(self, kind: str | None = None) -> str:
        """The token in the newest mail."""
        return self._first(r"#token=(\S+)$", await self.mail(kind))

    async def mailed_code(self) -> str:
        """The code in the newest mail."""
        return self._first(r"^(\d{6})$", await self.mail())

    async def mail(self, kind: str | None = None) -> str:
        """The text of the newest mail."""
        return (await self.world.mails(self.email, kind))[-1].text

    def _first(self, pattern: str, text: str) -> str:
        found = re.search(pattern, text, re.MULTILINE)
        assert found
        return found.group(1)

    async def _ask(self, method: str, url: str, **more: Any) -> None:
        answer = await self.http.request(method, url, follow_redirects=True, **more)
        self.answers += [*answer.history, answer]


async def browser(world: World, email: str = "ada@example.com", **headers: str) -> Browser:
    """A new browser; it says where its requests come from, as browsers do."""
    sent = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en", **headers}
    return Browser(world, email, await world.client(**sent))


async def member(world: World, email: str = "ada@example.com") -> Browser:
    """A browser of somebody with a verified address, who is signed in."""
    theirs = await browser(world, email)
    await theirs.sign_up()
    await theirs.verify()
    return await theirs.sign_in()


async def program(world: World, email: str = "ada@example.com") -> Person:
    """The same person with a program."""
    return Person(world, email, await world.client())
