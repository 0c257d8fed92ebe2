"""Write docs/asvs.md from tests/asvs.toml: `.venv/bin/python scripts/asvs.py`."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "asvs.md"
CLAIMED = 2  # the level


def items() -> dict[str, dict[str, Any]]:
    """Return every requirement of chapters V6 to V10, by its number."""
    found: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "tests" / "asvs.toml").read_text())
    return found


def page() -> str:
    """Return the page."""
    claimed = [item for item in items().values() if item["level"] <= CLAIMED and item["status"] != "na"]
    met = sum(item["status"] == "met" for item in claimed)
    claim = f"Tests show {met} of the {len(claimed)} applicable requirements of level {CLAIMED} in chapters V6 to V10"
    lines = [
        "# OWASP ASVS 5.0.0",
        "",
        f"{claim}. For each other requirement the table gives the reason why it is not met or does not apply.",
        "",
        "`scripts/asvs.py` generates this page from `tests/asvs.toml`.",
        "",
        "| requirement | level | status | tests, or reason |",
        "|---|---|---|---|",
    ]
    for number, item in items().items():
        told = ", ".join(f"`{name}`" for name in item.get("tests", ())) or item["why"]
        lines.append(f"| V{number} | {item['level']} | {item['status']} | {told} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
