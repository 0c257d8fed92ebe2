"""Nothing on a page is said but by a message file, so that a host can say all of it in another language."""

import re
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fam_auth.core.languages import PACKAGE
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.repository.data_access.managers import users
from tests.pages.office import EVERY, administrator
from tests.support.browsing import browser, member
from tests.support.people import World

# The words of a page do not depend on the database.
pytestmark = pytest.mark.engines("postgresql")

TAG = "tpi"
DOOR = ("sign-in", "sign-up", "check-mail", "verify-email", "forgot-password", "forgot-password/sent", "reset-password")
LINKS = ("confirm-email-change", "undo-email-change", "undone", "signed-out", "account-deleted", "sign-in/elsewhere")
MINE = ("", "/email", "/password", "/second-factors", "/sessions", "/activity", "/delete")
OFFICE = ("dashboard", "users", "roles", "invite", "events", "outbox", "configuration")
ABOUT = ("", "/sessions", "/second-factors", "/password", "/roles")
# What is data, a name of the code, or English on purpose, says so by its element or by its language.
NAMES = {"bdi", "code", "option", "script", "style", "title"}
SAID = {"aria-label", "title", "alt", "placeholder", "data-copied", "data-failed", "data-show", "data-hide", "data-one"}
VOID = {"input", "meta", "link", "img", "br"}
KNOWN = re.compile(
    r"Acme|Ada|\b[A-Z]\b|[\w.]+@example\.\w+|python-httpx\w*|\br[0-9a-f]{8}\b|\badmin\b|^(?:fam-auth|password|otp|role)$"
)


class Reader(HTMLParser):
    """What a page says in its own language: its text, and what its parts are called."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._within: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_silent = self.is_silent or tag in NAMES or given.get("lang", TAG) != TAG or given.get("class") == "key"
        if not is_silent:
            self.said += [value or "" for name, value in attrs if name in SAID]
        if tag not in VOID:
            self._within.append((tag, is_silent))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A shape of a drawing says nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self._within.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self.is_silent:
            self.said.append(data)

    @property
    def is_silent(self) -> bool:
        """Whether what stands here is no word of the page."""
        return bool(self._within) and self._within[-1][1]


def ours(page: str) -> list[str]:
    """The words of a page that no message file brought."""
    reader = Reader()
    reader.feed(page)
    return [word for text in reader.said for word in re.findall(r"[^\W\d_]{2,}", KNOWN.sub("", bare(text)))]


def bare(text: str) -> str:
    """The text without what stands in brackets, and in brackets within those."""
    shorter = re.sub(r"\[[^\[\]]*\]", "", text)
    return text if shorter == text else bare(shorter)


def flat(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value


def bracketed(folder: Path) -> None:
    """A language, written from the right: every text is a pair of brackets around what it is filled in with."""
    files = [tomllib.loads(file.read_text()) for file in PACKAGE.rglob("languages/en.toml")]
    tables: dict[str, list[str]] = {}
    for key, text in (one for file in files for one in flat("", file)):
        table, _, name = key.rpartition(".")
        filled = "".join(re.findall(r"{\w+}", text))
        tables.setdefault(table, []).append(f'{name} = "[{filled}]"')
    tables["language"] = ['name = "Tok Pisin"', 'direction = "rtl"']
    content = "\n".join(f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items())
    (folder / f"{TAG}.toml").write_text(content)


async def test_every_word_comes_from_a_message_file(
    open_world: Callable[..., Awaitable[World]], tmp_path: Path
) -> None:
    bracketed(tmp_path)
    world = await open_world(features=[Password(), Otp(), Role()], hosted=True, texts=tmp_path, app_name="Acme")
    bob, grace, guest = await member(world, "bob@example.com"), await administrator(world, *EVERY), await browser(world)
    await bob.open("/account/second-factors")
    await bob.send("/devices")
    device = bob.path.removeprefix("/auth/")
    await bob.open("/account/second-factors")
    await bob.enrol()
    user = (await users.found(world.auth, bob.email)).id
    places = [
        (guest, [*DOOR, *LINKS]),
        (bob, [device, "sign-in/again", *(f"account{one}" for one in MINE)]),
        (grace, [*(f"admin/{one}" for one in OFFICE), *(f"admin/users/{user}{one}" for one in ABOUT)]),
    ]
    english = (await guest.open("/sign-in")).answer.text
    assert {"Sign", "Password", "Forgot"} <= set(ours(english.replace('lang="en"', f'lang="{TAG}"')))
    for theirs, where in places:
        theirs.http.headers["Accept-Language"] = TAG
        for path in where:
            await theirs.open(f"/{path}")
            assert (theirs.answer.status_code, f'<html lang="{TAG}" dir="rtl">' in theirs.answer.text) == (200, True), (
                path
            )
            assert (path, ours(theirs.answer.text)) == (path, [])
