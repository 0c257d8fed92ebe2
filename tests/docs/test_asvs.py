"""What docs/asvs.md claims, tests show: each of those it names is there."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
# How many items each chapter has: 47, 19, 13, 7 and 36.
CHAPTERS = {6: 47, 7: 19, 8: 13, 9: 7, 10: 36}


@pytest.fixture
def asvs() -> ModuleType:
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("asvs", ROOT / "scripts" / "asvs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_file_says(asvs: ModuleType) -> None:
    assert asvs.PAGE.read_text() == asvs.page(), "run `.venv/bin/python scripts/asvs.py`"


def test_no_item_is_missing(asvs: ModuleType) -> None:
    chapters = [int(number.partition(".")[0]) for number in asvs.items()]
    assert {chapter: chapters.count(chapter) for chapter in set(chapters)} == CHAPTERS


def test_what_is_met_is_shown_by_tests_that_there_are(asvs: ModuleType) -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    there = {
        name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    for number, item in asvs.items().items():
        assert item["status"] in {"met", "open", "na"}, number
        assert bool(item.get("tests")) == (item["status"] == "met"), number
        assert item["status"] == "met" or item["why"], number
        assert set(item.get("tests", ())) <= there, number
