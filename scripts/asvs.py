"""Writes docs/asvs.md from tests/asvs.toml: `.venv/bin/python scripts/asvs.py`."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "asvs.md"
CLAIMED = 2  # the level


def items() -> dict[str, dict[str, Any]]:
    """Every item of chapters V6 to V10 by its number."""
    found: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "tests" / "asvs.toml").read_text())
    return found


def page() -> str:
    """The page, from what the file says."""
    claimed = [item for item in items().values() if item["level"] <= CLAIMED and item["status"] != "na"]
    met = sum(item["status"] == "met" for item in claimed)
    claim = f"{met} of {len(claimed)} applicable items of level {CLAIMED} in the chapters V6 to V10 are shown by tests"
    lines = [
        "# OWASP ASVS 5.0.0",
        "",
        f"{claim}; the others say why not. Made from `tests/asvs.toml` by `scripts/asvs.py`.",
        "",
        "| item | level | status | shown by, or why not |",
        "|---|---|---|---|",
    ]
    for number, item in items().items():
        told = ", ".join(f"`{name}`" for name in item.get("tests", ())) or item["why"]
        lines.append(f"| V{number} | {item['level']} | {item['status']} | {told} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
