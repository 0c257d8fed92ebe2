"""Generate the list of decisions."""

import re
from pathlib import Path

from scripts.reference.words import table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
HEAD = """\
# Decisions

Each decision that shaped the code has a page: the context, the decision, its consequences, and the alternatives that we rejected."""


def page() -> str:
    """Return the page: every decision by its number, with its sentence."""
    rows = [_row(file) for file in sorted(FOLDER.glob("[0-9]*.md"))]
    return f"{HEAD}\n\n{table(['', 'decision'], rows)}\n"


def _row(file: Path) -> list[str]:
    text = file.read_text()
    title = text.partition("\n")[0].removeprefix("# ")
    found = re.search(r"^\*\*Decision\.\*\* (.*)$", text, re.MULTILINE)
    said = "" if found is None else f": {found.group(1)}"
    return [file.stem[:4], f"[{title}]({file.name}){said}"]
