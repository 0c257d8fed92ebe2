"""Language tags (BCP 47): their canonical form, and choosing the best available language (RFC 4647, 3.4)."""

import re
from collections.abc import Collection, Iterator

# RFC 5646, 2.1, without grandfathered tags and without languages of more than three letters, of which none are
# registered. 4.4.1 recommends room for 35 characters.
TAG = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",
)
LONGEST_TAG = 35
QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
# Browsers send a handful of languages. A longer header could be a denial-of-service attack, and is cut off.
MOST_WISHES, LONGEST_HEADER = 20, 1000


def canonical(tag: str) -> str | None:
    """The tag in the case that RFC 5646, 2.1.1 recommends (`pt-BR`, `zh-Hant`); None for an invalid tag."""
    lower = tag.strip().lower()
    found = TAG.fullmatch(lower) if len(lower) <= LONGEST_TAG else None
    if found is None:
        return None
    parts = list(lower)
    if found["script"]:
        parts[found.start("script")] = parts[found.start("script")].upper()
    for place in range(*found.span("region")):
        parts[place] = parts[place].upper()
    return "".join(parts)


def wishes(header: str | None) -> list[tuple[str, float]]:
    """The ranges of an Accept-Language header in lower case with their weights, highest first (RFC 9110, 12.5.4).

    Invalid parts are skipped.
    """
    found = [wish for part in (header or "")[:LONGEST_HEADER].split(",")[:MOST_WISHES] if (wish := _wish(part))]
    return sorted(found, key=lambda wish: -wish[1])


def chosen(locale: str | None, header: str | None, languages: Collection[str], default: str) -> str:
    """The best of `languages`: by the user's locale, then by the Accept-Language header, else `default`.

    If a tag is not available, a more general one is: `de` for `de-AT` (RFC 4647, 3.4). A weight of 0 excludes a
    language, but never the user's own locale.
    """
    known = {language.lower(): language for language in languages}
    wished = wishes(header)
    refused = {tag for tag, quality in wished if quality == 0}
    own = [locale.lower()] if locale else []
    for tag in (*own, *(tag for tag, quality in wished if quality > 0)):
        for shorter in truncated(tag):
            if shorter in known and (shorter not in refused or tag in own):
                return known[shorter]
    if default.lower() not in refused:
        return default
    return next((language for lower, language in known.items() if lower not in refused), default)


def truncated(tag: str) -> Iterator[str]:
    """The tag, and ever shorter versions of it: `zh-hant-cn`, `zh-hant`, `zh`."""
    parts = tag.split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        if parts and len(parts[-1]) == 1:
            parts.pop()


def _wish(part: str) -> tuple[str, float] | None:
    tag, _, parameter = part.strip().lower().partition(";")
    quality = QUALITY.fullmatch(parameter.strip()) if parameter else None
    if parameter and quality is None:
        return None
    tag = tag.strip()
    return (tag, float(quality[1]) if quality else 1.0) if tag == "*" or canonical(tag) else None
