"""The servers that the scenarios need, and what they measured: printed, and written into docs/scale.md."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.middle import installed
from tests.support.results import RESULTS, written

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
PROGRAMS = ("haproxy", "pgbouncer")


def pytest_sessionstart(session: pytest.Session) -> None:
    """The programs are there: installed where that is possible, else the run ends with what to install."""
    lacking = [program for program in PROGRAMS if installed(program) is None]
    if lacking and os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        subprocess.run([apt, "update", "-qq"], check=True)
        subprocess.run([apt, "install", "-y", "-qq", "--no-install-recommends", *lacking], check=True)
    elif lacking:
        pytest.exit(f"`make scale` needs {' and '.join(lacking)}: install Debian's packages of these names.", 2)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what was measured, and keeps it in the page."""
    if RESULTS:
        page = written(PAGE.read_text(), _machine())
        PAGE.write_text(page)
        names = {name for rows in RESULTS.values() for name in rows}
        for line in re.findall(r"^\|.*\|$", page, re.MULTILINE):
            if line.split("|")[1].strip() in names:
                terminalreporter.write_line(line)


def _machine() -> str:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {gigabytes:.0f} GB, Python {platform.python_version()}"
