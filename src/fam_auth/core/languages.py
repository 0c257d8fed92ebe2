"""The texts that people read, in every language. They come from message files, which are read once at startup.

A message file is `<language>.toml`: tables of texts with `{placeholders}`. The key of a text is its path in the file,
such as `problems.invalid_token`. A file in a later folder replaces single texts of earlier ones.
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
"""The folders of the package itself, also of features that are not in use: a host's file may contain their texts."""


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """One text of one message file."""

    key: str
    text: str
    file: Path

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the placeholders. Raises Misconfigured for anything but a plain name.

        With `{name.attribute}`, a text could read more of a value than it is given for.
        """
        try:
            parts = [part[1:] for part in Formatter().parse(self.text) if part[1] is not None]
        except ValueError as error:
            raise Misconfigured(f"{self.file}: {self.key}: {error}. Write {{{{ for a literal brace.") from error
        for name, form, conversion in parts:
            if not str(name).isidentifier() or form or conversion:
                raise Misconfigured(
                    f"{self.file}: {self.key}: a placeholder must be a name in braces, such as {{name}}."
                )
        return frozenset(str(part[0]) for part in parts)


class Texts:
    """The texts of these folders and of the package, in every language that has a file. Raises Misconfigured.

    A text that is missing in a language comes from the more general one (`de` for `de-AT`), then from English. `spoken`
    are the languages to choose from; empty: all.
    """

    def __init__(self, folders: Sequence[Path] = (), default: str = ENGLISH, spoken: Sequence[str] = ()) -> None:
        every = dict.fromkeys([*(folder for folder in SHIPPED if folder.is_dir()), *folders])
        self._texts = _read(tuple((file, _age(file)) for folder in every for file in _files(folder)))
        there = (ENGLISH, *(language for language in self._texts if language != ENGLISH))
        self.languages = tuple(spoken) or there
        self.default = default
        for language in self.languages:
            if language not in there:
                raise Misconfigured(
                    f"FAM_AUTH_LANGUAGES: no message file {language}.toml. Available: {', '.join(there)}."
                )
        if default not in self.languages:
            raise Misconfigured(
                f"FAM_AUTH_LANGUAGE: {default} is not available. Use one of {', '.join(self.languages)}."
            )

    def say(self, language: str, key: str, /, **values: object) -> str:
        """The text in the best available language for any tag. Raises KeyError for an unknown key or missing value."""
        texts = self._texts.get(language)
        if texts is None:
            texts = self._texts[self.choose(language, None)]
        text = texts[key]
        return text.format_map(values) if "{" in text or "}" in text else text

    def has(self, key: str) -> bool:
        """Whether there is a text with this key."""
        return key in self._texts[ENGLISH]

    def choose(self, user_locale: str | None, accept_language: str | None) -> str:
        """The best available language: by the user's locale, then by the Accept-Language header, then the default."""
        return language_tags.chosen(user_locale, accept_language, self.languages, self.default)

    def moment(self, language: str, at: datetime) -> str:
        """A date and time in words, in UTC: `4 January 2030, 09:05 UTC`."""
        here = at.astimezone(UTC)
        month = self.say(language, f"dates.month_{here.month}")
        parts = {"day": here.day, "month": month, "year": here.year, "hour": f"{here:%H}", "minute": f"{here:%M}"}
        return self.say(language, "dates.moment", **parts)

    def day(self, language: str, at: datetime) -> str:
        """A date in words, in UTC, without the year: `4 January`."""
        here = at.astimezone(UTC)
        month = self.say(language, f"dates.month_{here.month}")
        return self.say(language, "dates.day", day=here.day, month=month)

    def direction(self, language: str) -> str:
        """The writing direction: `ltr` or `rtl`, as in the HTML attribute `dir`."""
        return self.say(language, "language.direction")


def messages(file: Path) -> Iterator[MessageDefinition]:
    """The texts of a file. Raises Misconfigured when it cannot be read."""
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{file} is not a valid message file: {error}. Correct the line, or remove the file."
        ) from error
    yield from _flat(file, "", tables)


@lru_cache(maxsize=8)
def _read(files: Sequence[tuple[Path, int]]) -> Mapping[str, Mapping[str, str]]:
    """The texts of every language in these files. Cached by modification time, so that each file is checked once."""
    spoken = [(_language(file), file) for file, _ in files]
    found = [(language, message) for language, file in spoken for message in messages(file)]
    _check(found)
    own: dict[str, dict[str, str]] = {language: {} for language, _ in spoken}
    for language, message in found:
        own[language][message.key] = message.text
    return {language: _with_general(language, own) for language in sorted(own)}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Misconfigured(f"{folder} is not a directory of message files. Correct the setting, or create it.")
    return sorted(folder.glob("*.toml"))


def _age(file: Path) -> int:
    """The modification time; 0 for a missing file, which `messages` reports."""
    return file.stat().st_mtime_ns if file.exists() else 0


def _language(file: Path) -> str:
    tag = language_tags.canonical(file.stem)
    if tag != file.stem:
        remedy = f"rename it to {tag}.toml" if tag else "rename it to a language tag, such as fr.toml or pt-BR.toml"
        raise Misconfigured(f"{file} is not named after a language: {remedy}.")
    return tag


def _flat(file: Path, prefix: str, table: Mapping[str, Any]) -> Iterator[MessageDefinition]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(file, f"{prefix}{name}.", value)
        elif isinstance(value, str):
            yield MessageDefinition(prefix + name, value, file)
        else:
            raise Misconfigured(f"{file}: {prefix}{name} is not a string. Put it in quotes.")


def _check(found: Sequence[tuple[str, MessageDefinition]]) -> None:
    """Raises Misconfigured for keys that English does not have, such as misspelt ones, and for unknown placeholders."""
    known: dict[str, frozenset[str]] = {}
    for language, message in found:
        if language == ENGLISH:
            # The first file comes with the code that uses the text, so it has the placeholders that exist.
            known.setdefault(message.key, message.placeholders)
    for _, message in found:
        if message.key not in known:
            raise Misconfigured(f"{message.file}: unknown key {message.key}. Correct it, or add it to en.toml.")
        for name in sorted(message.placeholders - known[message.key]):
            names = ", ".join(sorted(known[message.key])) or "none"
            raise Misconfigured(f"{message.file}: {message.key}: unknown placeholder {{{name}}}. Available: {names}.")


def _with_general(language: str, own: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    known = {name.lower(): texts for name, texts in own.items()}
    general = [known[tag] for tag in reversed(list(language_tags.truncated(language.lower()))) if tag in known]
    return {key: text for texts in (own[ENGLISH], *general) for key, text in texts.items()}
