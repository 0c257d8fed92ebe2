"""Several workers, each a process of its own on a port of its own, that are stopped and started one by one."""

import asyncio
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import Any

from tests.support.service import Service, free_port, service, variables

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
    "FAM_AUTH_FEATURES": "password",
    "FAM_AUTH_TRUSTED_PROXIES": "127.0.0.1",
    "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "100000/1h",
    "FAM_AUTH_THROTTLE__REFRESH": "100000/1m",
    "FAM_AUTH_THROTTLE__NETWORK": "100000/1m",
    "FAM_AUTH_THROTTLE__NETWORK_DAY": "100000/1m",
    "FAM_AUTH_THROTTLE__DEVICE": "100000/1m",
    "FAM_AUTH_POOL_SIZE": "5",
}


@dataclass
class Fleet:
    """Workers, by their places; each may have a database URL of its own."""

    folder: Path
    databases: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = [free_port() for _ in self.databases]
        self.running: dict[int, AbstractContextManager[Service]] = {}

    @property
    def urls(self) -> list[str]:
        """Where each worker is asked directly."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    async def start(self, place: int, source: Path = ROOT) -> None:
        """The worker of this place runs, of the code in `source`, and is ready."""
        await asyncio.to_thread(self._start, place, source)

    async def stop(self, place: int) -> None:
        """The worker of this place was told to stop, and has."""
        await asyncio.to_thread(self.running.pop(place).__exit__, None, None, None)

    def _start(self, place: int, source: Path) -> None:
        folder = self.folder / f"worker{place}"
        folder.mkdir(exist_ok=True)
        own: dict[str, Any] = {**SETTINGS, **self.settings, "PYTHONPATH": str(source / "src")}
        if source != ROOT:
            own.pop("FAM_AUTH_DRAIN", None)  # it may not know that yet
        begun = service(folder, self.databases[place], port=self.ports[place], **own)
        begun.__enter__()
        self.running[place] = begun


@asynccontextmanager
async def fleet(
    folder: Path, databases: Sequence[str], settings: Mapping[str, str], source: Path = ROOT
) -> AsyncIterator[Fleet]:
    """A worker for each of these URLs, all ready."""
    made = Fleet(folder, databases, settings)
    try:
        await asyncio.gather(*(made.start(place, source) for place in range(len(databases))))
        yield made
    finally:
        await asyncio.gather(*(made.stop(place) for place in list(made.running)))


def migrated(folder: Path, database: str, source: Path = ROOT) -> None:
    """`fam-auth migrate` of the code in `source` has run."""
    environment = variables(folder, database, PYTHONPATH=f"{source}/src", FAM_AUTH_FEATURES="password")
    subprocess.run([sys.executable, "-m", "fam_auth.cli", "migrate"], cwd=folder, env=environment, check=True)


def before_the_newest_migration(folder: Path) -> Path:
    """The code of the commit before the one that brought the newest migration of the kernel, unpacked in `folder`."""
    newest = max(path.name for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    found = _git("log", "--format=%H", "--diff-filter=A", "--", f"migrations/versions/{newest}").decode().split()
    folder.mkdir()
    archive = _git("archive", "--format=tar", f"{found[-1]}^", "src", "migrations")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> bytes:
    return subprocess.run([str(which("git")), *arguments], cwd=ROOT, check=True, capture_output=True).stdout
