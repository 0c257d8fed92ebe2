"""The translated texts of refusals."""

from collections.abc import Iterable, Mapping
from typing import Any

from fam_auth.core.languages import Texts
from fam_auth.exceptions import Message, Refusal


def title(texts: Texts, language: str, kind: type[Refusal]) -> str:
    """The translated title. A refusal class of the host without a text uses its `title`."""
    return said(texts, language, Message(f"problems.{kind.code}", default=kind.title))


def detail(texts: Texts, language: str, refusal: Refusal) -> str:
    """The translated detail: why this request was refused."""
    return said(texts, language, refusal.detail)


def errors(texts: Texts, language: str, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The errors of an InvalidRequest, with translated messages."""
    return [{**error, "message": said(texts, language, error["message"])} for error in found]


def said(texts: Texts, language: str, told: str | Message) -> str:
    """A string unchanged, or the text of a Message. Raises KeyError when its key is unknown and it has no default."""
    if isinstance(told, str):
        return told
    try:
        return texts.say(language, told.key, **told.values)
    except KeyError:
        if told.default:
            return told.default
        raise
