"""The Pythons of this machine that the package promises to work on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROMISED = [(3, minor) for minor in (11, 12, 13, 14)]


def pythons() -> dict[str, str]:
    """A program for each version that is there, as in `3.12`: the one that runs the tests, of PATH, or of pyenv."""
    found = {}
    for version in PROMISED:
        name = ".".join(map(str, version))
        if program := next((one for one in _candidates(name) if _version(one) == name), None):
            found[name] = program
    return found


def _candidates(name: str) -> Iterator[str]:
    yield sys.executable
    if there := shutil.which(f"python{name}"):
        yield there
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(one) for one in sorted(pyenv.glob(f"versions/{name}.*/bin/python")))


def _version(program: str) -> str | None:
    """The version of a program; None where it does not run, such as a shim that leads to none."""
    asked = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    done = subprocess.run([program, "-c", asked], check=False, capture_output=True, text=True)
    return done.stdout.strip() or None
