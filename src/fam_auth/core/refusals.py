"""Refusals in words, in the language of whoever is refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from fam_auth.core.languages import Texts
from fam_auth.exceptions import Message, Refusal


def title(texts: Texts, language: str, kind: type[Refusal]) -> str:
    """What kind of refusal it is; a kind of a host without a text has its own title."""
    return said(texts, language, Message(f"problems.{kind.code}", default=kind.title))


def detail(texts: Texts, language: str, refusal: Refusal) -> str:
    """Why it is refused this time."""
    return said(texts, language, refusal.detail)


def errors(texts: Texts, language: str, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The errors of an InvalidRequest, each with its message in words."""
    return [{**error, "message": said(texts, language, error["message"])} for error in found]


def said(texts: Texts, language: str, told: str | Message) -> str:
    """A text as it is, or the one of the message files. Raises KeyError when there is neither."""
    if isinstance(told, str):
        return told
    try:
        return texts.say(language, told.key, **told.values)
    except KeyError:
        if told.default:
            return told.default
        raise
