"""The page on troubleshooting quotes messages and codes that the code has."""

import re
from pathlib import Path

import pytest

from scripts.reference import problems

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
# Messages of PostgreSQL, of a browser and of other programs.
FOREIGN = {"permission denied for database", "alembic revision --autogenerate"}
# A string that goes on in the next line is one string.
CONTINUED = re.compile(r"\"\s*\n\s*f?\"")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def quoted(*titles: str) -> list[str]:
    """What stands in backticks at the beginning of a row."""
    return [text for title in titles for text in re.findall(r"^\| `([^`]+)`", section(title), re.MULTILINE)]


@pytest.fixture(scope="module")
def source() -> str:
    """All of the code, each message in one piece."""
    files = sorted((ROOT / "src").rglob("*.py"))
    return CONTINUED.sub("", "\n".join(file.read_text() for file in files))


def test_every_message_on_the_page_is_in_the_code(source: str) -> None:
    messages = quoted("At the start", "At migrations")
    logged = re.findall(r"^\| `([^`]+)` (?:in the log|at the start)", PAGE, re.MULTILINE | re.IGNORECASE)
    assert len(messages) > 15
    assert len(logged) == 3
    assert [one for one in {*messages, *logged} - FOREIGN if one not in source] == []


def test_every_code_on_the_page_is_that_of_a_problem_with_this_status() -> None:
    status = {kind.code: kind.status for kind in problems.refusals()}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \((\d{3})\)", PAGE, re.MULTILINE)
    said = {code: int(number) for codes, number in rows for code in re.findall(r"\w+", codes)}
    assert len(said) > 12
    assert {code: number for code, number in said.items() if status.get(code) != number} == {}
