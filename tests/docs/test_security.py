"""What the pages on security claim is there: tests by their names, days, and packages that are not."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
FORBIDDEN = {"python-jose", "passlib", "fastapi-mail", "slowapi", "pyjwt"}


def test_every_test_that_the_page_names_is_there() -> None:
    files = [file.read_text() for file in (ROOT / "tests").rglob("test_*.py")]
    there = {name for text in files for name in re.findall(r"def (test_\w+)", text)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 10
    assert named - there == set()
    assert [path for path in re.findall(r"`(tests/[\w/.]+)`", PAGE) if not (ROOT / path).exists()] == []


def test_s118_the_policy_of_updates_names_days() -> None:
    policy = PAGE.partition("## Updates")[2]
    told = (ROOT / "SECURITY.md").read_text()
    for days in ("30 days", "90 days"):
        assert days in policy
        assert days in told
    assert "7 days" in policy


def test_s118_what_was_decided_against_is_not_installed() -> None:
    lock = tomllib.loads((ROOT / "poetry.lock").read_text())
    used = {package["name"] for package in lock["package"] if "main" in package["groups"]}
    assert used & FORBIDDEN == set()
    assert len(used) < 60


def test_s003_the_table_of_ways_in_names_its_strength() -> None:
    ways = (ROOT / "docs" / "sessions.md").read_text().partition("## Every sign-in method")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `POST /auth/\S+` \| (\S.*) \|$", ways, re.MULTILINE)
    assert len(rows) > 8
    assert all(proves for _, proves in rows)


def test_s041_lifetimes_stand_beside_what_nist_says() -> None:
    lives = (ROOT / "docs" / "sessions.md").read_text().partition("## How long")[2].partition("\n## ")[0]
    for setting in ("FAM_AUTH_SESSION_IDLE", "FAM_AUTH_SESSION_ABSOLUTE"):
        [row] = [line for line in lives.splitlines() if f"`{setting}`" in line]
        assert "NIST" in row
    assert "`FAM_AUTH_SESSIONS_PER_ACCOUNT` (50)" in lives
