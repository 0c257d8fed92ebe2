"""The wheel, and empty environments that it is installed into."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2

from tests.support.service import free_port

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from poetry.core.masonry import api; print(api.build_wheel(sys.argv[1]))"


def build(folder: Path) -> Path:
    """The wheel, built into `folder` by what the Makefile builds it with."""
    command = [sys.executable, "-c", BUILD, str(folder)]
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return folder / built.stdout.strip()


@dataclass
class Environment:
    """A Python of its own in `folder`, at first without any package; `python` is the program to make it from."""

    folder: Path
    python: str = sys.executable

    def __post_init__(self) -> None:
        subprocess.run([self.python, "-m", "venv", "--without-pip", "--symlinks", self.folder], check=True)
        self.bin = self.folder / "bin"
        # Nothing of the tests' own surroundings decides anything here.
        self.plain = {name: value for name, value in os.environ.items() if not name.startswith(("FAM_AUTH_", "PYTHON"))}

    def install(self, *requirements: str | Path) -> None:
        """The packages are there, wheels only, each as new as the requirements let it be."""
        # The tests' Python has no pip where the system splits it off; then the one below it has.
        pip = sys.executable if find_spec("pip") else sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001
        command = [pip, "-m", "pip", "--python", str(self.bin / "python"), "install", "-q", "--only-binary", ":all:"]
        self._run(*command, *map(str, requirements))

    def run(self, program: str, *arguments: str, cwd: Path, **variables: str) -> str:
        """What a program of this environment prints; it ends well."""
        return self._run(str(self.bin / program), *arguments, cwd=cwd, env=self.plain | variables)

    @contextmanager
    def serving(self, program: str, *arguments: str, cwd: Path, **variables: str) -> Iterator[str]:
        """The address of a server that this program is, given `--port`; it answers."""
        port = free_port()
        command = [str(self.bin / program), *arguments, "--port", str(port)]
        with (cwd / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=cwd, env=self.plain | variables, stdout=log, stderr=log)
        try:
            _wait(process, f"http://127.0.0.1:{port}", cwd / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)

    def _run(self, *command: str, **options: Any) -> str:
        done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        printed: str = done.stdout
        return printed


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/auth/health/ready").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
