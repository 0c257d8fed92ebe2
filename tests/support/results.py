"""What the scenarios of `make scale` measured, kept in the tables of a page between markers."""

import re
from datetime import UTC, datetime

HEADS = {
    "scenarios": ("scenario", "requests", "failures", "lost", "longest answer", "time to recover"),
    "sizes": ("what", "10,000 users", "1,000,000 users", "ratio"),
    "soak": ("how long", "requests", "resident, third quarter to last", "open files", "growth"),
    "revocations": ("feed", "revocations", "worst until every worker answers 401", "accepted too late"),
}
RESULTS: dict[str, dict[str, tuple[str, ...]]] = {}


def note(table: str, name: str, *figures: object) -> None:
    """One line of a table; it replaces the one of the same name."""
    RESULTS.setdefault(table, {})[name] = tuple(str(figure) for figure in figures)


def written(page: str, machine: str) -> str:
    """The page with the new lines; those of scenarios that were not run this time stay."""
    for table, new in RESULTS.items():
        pattern = re.compile(rf"(<!-- {table} -->\n).*?(<!-- end -->)", re.DOTALL)
        found = pattern.search(page)
        old = found[0].splitlines() if found else []
        kept = {line.split("|")[1].strip(): line for line in old if line.startswith("|")}
        lines = {name: f"| {' | '.join((name, *figures))} |" for name, figures in new.items()}
        head = [f"| {' | '.join(HEADS[table])} |", "|---" * len(HEADS[table]) + "|"]
        body = {**{name: line for name, line in kept.items() if line not in head and "---" not in line}, **lines}
        text = "\n".join([f"Measured on {machine}; last run {datetime.now(UTC):%Y-%m-%d}.", "", *head, *body.values()])
        page = pattern.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)  # type: ignore[misc]
    return page
