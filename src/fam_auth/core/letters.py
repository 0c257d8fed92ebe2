"""Rendering mails from templates, in the language of the recipient."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, select_autoescape

from fam_auth.core.language_tags import truncated
from fam_auth.core.languages import ENGLISH

LINK, CODE = re.compile(r"https?://\S+"), re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class Written:
    """The content of a mail."""

    subject: str
    text: str
    html: str


@cache
def templates(folders: tuple[Path, ...]) -> Environment:
    """The template environment: the first folder that has a template wins, the kernel's own come last."""
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(folders), PackageLoader("fam_auth", "mails")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(folders: tuple[Path, ...], kind: str, wanted: str) -> str:
    """The best language with a template for this kind of mail: `wanted`, a more general one, or English."""
    known = set(templates(folders).list_templates(["txt"]))
    return next((tag for tag in truncated(wanted) if f"{tag}/{kind}.txt" in known), ENGLISH)


def render(folders: tuple[Path, ...], kind: str, context: Mapping[str, Any], language: str = ENGLISH) -> Written:
    """Render a mail. The first line of `<language>/<kind>.txt` is the subject; English templates are in no subfolder.

    The HTML is made from the text, unless the host has a `<kind>.html` for that language.
    """
    environment = templates(folders)
    own = [f"{language}/{kind}", *([kind] if language == ENGLISH else [])]
    subject, _, text = environment.select_template([f"{name}.txt" for name in own]).render(context).partition("\n")
    subject, text = subject.strip(), text.strip() + "\n"
    page = environment.select_template([*(f"{name}.html" for name in own), "letter.html"])
    html = page.render(context, subject=subject, language=language, paragraphs=list(_paragraphs(text)))
    return Written(subject, text, html)


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of a text with their type: `text`, `code`, `link` (the first one) or `further` (other links)."""
    links = 0
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if LINK.fullmatch(paragraph):
            yield ("further" if links else "link"), paragraph
            links += 1
        else:
            yield ("code" if CODE.fullmatch(paragraph) else "text"), paragraph
