"""How values read on a page."""

from collections.abc import Sequence
from datetime import timedelta

UNITS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


def duration(span: timedelta) -> str:
    """`10 minutes`, in the largest unit that leaves nothing over; 24 hours stay hours."""
    if not span:
        return "none"
    for unit, length in UNITS.items():
        count, rest = divmod(span, length)
        if not rest and (count > 1 or unit != "day"):
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return str(span)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; a `|` within a cell is written so that it ends none."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Text as it is typed; nothing stays nothing."""
    return f"`{text}`" if text else ""
