"""The page of events: every kind, and what happened."""

import re
from pathlib import Path

from fam_auth.events import class_of
from scripts.reference.words import table

EXPLAINED = Path(__file__).resolve().parents[2] / "docs" / "events.md"
HEAD = """\
# Events

[Security events](../events.md) explains what an event contains, who can see it and how long it is kept. In Python, each kind is a class, which `auth.on` and `auth.after` take."""


def page() -> str:
    """Every kind of event, as the code names it."""
    rows = [[f"`{kind}`", f"`{_place(kind)}`", meaning] for kind, meaning in meanings().items()]
    return f"{HEAD}\n\n{table(['kind', 'in Python', 'what happened'], rows)}\n"


def meanings() -> dict[str, str]:
    """What each kind means, in the words of the page on events."""
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|$", EXPLAINED.read_text(), re.MULTILINE))


def _place(kind: str) -> str:
    event = class_of(kind)
    return f"{event.__module__}.{event.__name__}"
