"""Every text that people read, in every language: message files, read once at start.

A message file is `<language>.toml`: tables of texts, with `{placeholders}`. The name of a text is its path in the
file, such as `problems.invalid_token`. Files of later folders replace single texts of earlier ones.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from fam_auth.core import language_tags
from fam_auth.exceptions import Misconfigured

ENGLISH = "en"
PACKAGE = Path(__file__).parents[1]
SHIPPED = (
    *(PACKAGE / folder for folder in ("languages", "pages/languages", "pages/administration/languages")),
    *sorted(PACKAGE.glob("features/*/languages")),
)
"""The folders of the package itself, in use or not, so that a host's file may hold all of it; others follow."""


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """One text of one file."""

    key: str
    text: str
    file: Path

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces. Raises Misconfigured for anything but plain names."""
        try:
            parts = [part[1:] for part in Formatter().parse(self.text) if part[1] is not None]
        except ValueError as error:
            raise Misconfigured(f"{self.file}: {self.key}: {error}: write {{{{ for a brace.") from error
        for name, form, conversion in parts:
            if not str(name).isidentifier() or form or conversion:
                raise Misconfigured(f"{self.file}: {self.key}: a placeholder is a name in braces, as in {{name}}.")
        return frozenset(str(part[0]) for part in parts)


class Texts:
    """The texts of some folders, in every language that has a file there. Raises Misconfigured.

    What a language lacks it takes from the more general one (`de-AT` from `de`), then from English. `spoken` are the
    languages to choose from; empty: all.
    """

    def __init__(self, folders: Sequence[Path] = (), default: str = ENGLISH, spoken: Sequence[str] = ()) -> None:
        every = dict.fromkeys([*(folder for folder in SHIPPED if folder.is_dir()), *folders])
        self._texts = _read(tuple((file, _age(file)) for folder in every for file in _files(folder)))
        there = (ENGLISH, *(language for language in self._texts if language != ENGLISH))
        self.languages = tuple(spoken) or there
        self.default = default
        for language in self.languages:
            if language not in there:
                raise Misconfigured(f"FAM_AUTH_LANGUAGES: there is no {language}.toml; there is {', '.join(there)}.")
        if default not in self.languages:
            raise Misconfigured(f"FAM_AUTH_LANGUAGE: {default} is not spoken; take one of {', '.join(self.languages)}.")

    def say(self, language: str, key: str, /, **values: object) -> str:
        """The text in a language, which may be any tag. Raises KeyError for an unknown key or a missing value."""
        texts = self._texts.get(language)
        if texts is None:
            texts = self._texts[self.choose(language, None)]
        text = texts[key]
        return text.format_map(values) if "{" in text or "}" in text else text

    def has(self, key: str) -> bool:
        """Whether there is a text of this name."""
        return key in self._texts[ENGLISH]

    def choose(self, user_locale: str | None, accept_language: str | None) -> str:
        """The language for somebody: their own choice, then what their browser asks for, then the default."""
        return language_tags.chosen(user_locale, accept_language, self.languages, self.default)

    def moment(self, language: str, at: datetime) -> str:
        """A moment in words, in UTC: `4 January 2030, 09:05 UTC`."""
        here = at.astimezone(UTC)
        month = self.say(language, f"dates.month_{here.month}")
        parts = {"day": here.day, "month": month, "year": here.year, "hour": f"{here:%H}", "minute": f"{here:%M}"}
        return self.say(language, "dates.moment", **parts)

    def day(self, language: str, at: datetime) -> str:
        """The day of a moment in words, in UTC, without its year: `4 January`."""
        here = at.astimezone(UTC)
        month = self.say(language, f"dates.month_{here.month}")
        return self.say(language, "dates.day", day=here.day, month=month)

    def direction(self, language: str) -> str:
        """Which way it is written: `ltr` or `rtl`, the `dir` of HTML."""
        return self.say(language, "language.direction")


def messages(file: Path) -> Iterator[MessageDefinition]:
    """The texts of a file. Raises Misconfigured."""
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} is not a message file: {error}. Mend the line, or take the file away.") from error
    yield from _flat(file, "", tables)


@lru_cache(maxsize=8)
def _read(files: Sequence[tuple[Path, int]]) -> Mapping[str, Mapping[str, str]]:
    """The texts of every language in these files of these ages, checked once for all that are made of them."""
    spoken = [(_language(file), file) for file, _ in files]
    found = [(language, message) for language, file in spoken for message in messages(file)]
    _check(found)
    own: dict[str, dict[str, str]] = {language: {} for language, _ in spoken}
    for language, message in found:
        own[language][message.key] = message.text
    return {language: _with_general(language, own) for language in sorted(own)}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Misconfigured(f"{folder} is no directory of message files: correct the setting, or make it.")
    return sorted(folder.glob("*.toml"))


def _age(file: Path) -> int:
    """When it was written; one that cannot be read has none, and `messages` says so."""
    return file.stat().st_mtime_ns if file.exists() else 0


def _language(file: Path) -> str:
    tag = language_tags.canonical(file.stem)
    if tag != file.stem:
        remedy = f"name it {tag}.toml" if tag else "name it by a language tag, as in fr.toml or pt-BR.toml"
        raise Misconfigured(f"{file} is named by no language: {remedy}.")
    return tag


def _flat(file: Path, prefix: str, table: Mapping[str, Any]) -> Iterator[MessageDefinition]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(file, f"{prefix}{name}.", value)
        elif isinstance(value, str):
            yield MessageDefinition(prefix + name, value, file)
        else:
            raise Misconfigured(f"{file}: {prefix}{name} is not a text: put it in quotes.")


def _check(found: Sequence[tuple[str, MessageDefinition]]) -> None:
    """Raises Misconfigured for a text that English lacks, such as a misspelt one, and for unknown placeholders."""
    known: dict[str, frozenset[str]] = {}
    for language, message in found:
        if language == ENGLISH:
            # The first one is from whoever wrote the code that says it, and knows what it gives.
            known.setdefault(message.key, message.placeholders)
    for _, message in found:
        if message.key not in known:
            raise Misconfigured(f"{message.file}: there is no text {message.key}: correct it, or add it to en.toml.")
        for name in sorted(message.placeholders - known[message.key]):
            names = ", ".join(sorted(known[message.key])) or "none"
            raise Misconfigured(f"{message.file}: {message.key}: there is no {{{name}}}; there is {names}.")


def _with_general(language: str, own: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    known = {name.lower(): texts for name, texts in own.items()}
    general = [known[tag] for tag in reversed(list(language_tags.truncated(language.lower()))) if tag in known]
    return {key: text for texts in (own[ENGLISH], *general) for key, text in texts.items()}
