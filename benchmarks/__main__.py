"""python benchmarks [me] [logins] [storm] [startup]: measure, print, and write docs/benchmarks.md with its chart."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import logins
import me
import startup
import storm
from chart import bars

DOCS = Path(__file__).parent.parent / "docs"
PAGE, CHART, KEPT = DOCS / "benchmarks.md", DOCS / "benchmarks.svg", Path(__file__).parent / "results.json"
TABLES = {
    "me": ("A signed-in request, as a ratio to bare FastAPI", me),
    "logins": ("Sign-ins per second, with Argon2id at 19 MiB and two passes", logins),
    "storm": ("GET /me fifty times per second while others sign in", storm),
    "startup": ("Import time and memory", startup),
}
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def main() -> None:
    """Measures the tables named, all when none is."""
    results = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in sys.argv[1:] or list(TABLES):
        title, module = TABLES[name]
        print(f"== {title}", flush=True)
        results[name] = {"head": module.HEAD, "rows": module.measure(), "at": f"{datetime.now(UTC):%Y-%m-%d}"}
        KEPT.write_text(json.dumps(results, indent=2) + "\n")
        print(_table(results[name]), flush=True)
    if "me" in results:
        CHART.write_text(bars("A signed-in request, of bare FastAPI's rate", _ratios(results["me"]["rows"])))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{_measured(results)}\n{END}{rest.partition(END)[2]}")


def _measured(results: dict[str, dict[str, object]]) -> str:
    parts = [
        f"## {TABLES[name][0]}\n\nMeasured {result['at']}.\n\n{_table(result)}" for name, result in results.items()
    ]
    return "\n".join([f"Machine: {_machine()}.\n", *parts])


def _table(result: dict[str, object]) -> str:
    head, rows = result["head"], result["rows"]
    assert isinstance(head, list)
    assert isinstance(rows, list)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _ratios(rows: list[list[str]]) -> dict[str, float]:
    """The medians at 16 connections."""
    return {row[0]: float(row[2].split()[0]) for row in rows}


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
