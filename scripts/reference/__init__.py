"""The pages of docs/reference and the list of decisions, made from the code.

`python -m scripts.reference` writes them; a test says when they have to be written again.
"""

from pathlib import Path

from scripts.reference import commands, data, decisions, events, keys, problems, rights, routes, settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
MADE = "<!-- Made from the code by `python -m scripts.reference`: change it there. -->"


PAGES = {
    "reference/settings.md": settings.page,
    "reference/routes.md": routes.page,
    "reference/rights.md": rights.page,
    "reference/events.md": events.page,
    "reference/problems.md": problems.page,
    "reference/commands.md": commands.page,
    "reference/data.md": data.page,
    "reference/keys.md": keys.page,
    "decisions/index.md": decisions.page,
}


def made(name: str) -> str:
    """The text of a page, by its name below docs/."""
    return f"{MADE}\n\n{PAGES[name]()}"
