"""What is hurt, and what came of it, as one table at the end."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import migrate
from tests.support import postgres
from tests.support.load import TABLE
from tests.support.postgres import Server
from tests.support.rig import SETTINGS, Rig
from tests.support.service import service

HEAD = ("fault", "requests", "lost", "twice", "longest s", "back after s")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.scratch(fsync="on") as own:
        yield own


@pytest.fixture
def database(server: Server) -> str:
    """A database of the test's own, on the server that will be hurt."""
    made = postgres.create_database(server.url, f"faults_{uuid4().hex}")
    migrate(made)
    return made


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe of 4 kB from which nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def settings() -> dict[str, Any]:
    """What the service of the rig is told."""
    return SETTINGS


@pytest.fixture
def rig(server: Server, database: str, tmp_path: Path, settings: dict[str, Any]) -> Iterator[Rig]:
    with service(tmp_path, database, workers=2, **settings) as running:
        yield Rig(server, database, running)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what was measured."""
    for row in (HEAD, *TABLE) if TABLE else ():
        widths = (32, 9, 5, 6, 10, 12)
        terminalreporter.write_line("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)))
