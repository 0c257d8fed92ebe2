"""Make `.venv` from poetry.lock and install the project into it, editable: needs a Python and its pip, nothing else.

Usage: python3 scripts/bootstrap.py [--with dev]

Every package comes in the version and with the hashes of poetry.lock, all extras included; nothing outside `.venv` is
touched. A stamp written after each part says what `.venv` holds, so a second call has nothing to do and one that was
cut off does its part again.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit("fam-auth needs Python 3.11 or newer: name one, as in `make run PYTHON=python3.13`.")

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "bootstrap.json"

# Build holds poetry-core: even what installs the project itself is locked.
ALWAYS = frozenset({"main", "build"})


def main() -> None:
    """Leave `.venv` holding the locked packages and this project; say nothing when it already does."""
    done, wanted = stamped(), wanted_groups()
    packages, project = packages_digest(), digest((ROOT / "pyproject.toml").read_bytes())
    if done.get("packages") != packages:
        create_venv()
        done = {"packages": packages, "groups": []}
    if missing := wanted.difference(done["groups"]):
        install_packages(missing)
        done = stamp(done | {"groups": sorted(wanted.union(done["groups"]))})
    if done.get("project") != project:
        install_project()
        stamp(done | {"project": project})


def wanted_groups() -> frozenset[str]:
    """Return the groups of poetry.lock that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="groups", action="append", default=[], metavar="GROUP", help="a further group")
    return ALWAYS.union(parser.parse_args().groups)


def stamped() -> dict[str, Any]:
    """Return what the last complete run left in `.venv`, or nothing when there was none or its Python is gone."""
    try:
        return json.loads(STAMP.read_text()) if PYTHON.exists() else {}
    except (OSError, ValueError):
        return {}


def stamp(done: dict[str, Any]) -> dict[str, Any]:
    """Say in `.venv` what is done, and return it."""
    STAMP.write_text(json.dumps(done))
    return done


def packages_digest() -> str:
    """Return what decides the packages: the lock, this Python, the folder (scripts name it) and this program."""
    where = f"{sys.version} {sys.base_prefix} {VENV}".encode()
    return digest(where, (ROOT / "poetry.lock").read_bytes(), Path(__file__).read_bytes())


def digest(*parts: bytes) -> str:
    """Return one hex digest for all parts in their order."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def create_venv() -> None:
    """Replace `.venv` by an empty one; it gets a pip of its own where Python ships one (Debian splits it off)."""
    say(f"new .venv on Python {sys.version.split()[0]}")
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(VENV)
    subprocess.run([PYTHON, "-m", "ensurepip"], check=False, capture_output=True)


def install_packages(groups: frozenset[str]) -> None:
    """Install the locked packages of these groups, each checked against its hashes."""
    STAMP.unlink(missing_ok=True)
    lines = list(requirements(groups))
    say(f"{len(lines)} packages from poetry.lock")
    with tempfile.TemporaryDirectory() as folder:
        download(lines, Path(folder))
        # Compiled below instead, on every core: pip does it one file after the other.
        pip("install", "--no-index", "--no-compile", *map(str, Path(folder).glob("*.whl")))
    subprocess.run([PYTHON, "-m", "compileall", "-qq", "-j", "0", VENV / "lib"], check=False)


def download(lines: list[str], folder: Path) -> None:
    """Bring the wheel of every line into `folder`, with a pip per core: reading index pages is what takes the time."""
    cores = min(os.cpu_count() or 1, len(lines))
    files = [folder / f"requirements-{core}.txt" for core in range(cores)]
    for core, file in enumerate(files):
        file.write_text("\n".join(lines[core::cores]))
    # Wheels only: a source archive would fetch build tools that no lock names.
    options = ("--only-binary", ":all:", "--require-hashes", "--dest", str(folder))
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda file: pip("download", *options, "--requirement", str(file)), files))


def install_project() -> None:
    """Install this project editable, with the locked poetry-core and no other build tool."""
    say("fam-auth, editable")
    pip("install", "--no-build-isolation", "--editable", str(ROOT))


def requirements(groups: frozenset[str]) -> Iterator[str]:
    """Yield one line for pip per locked package of these groups: name, version, marker and hashes."""
    for package in tomllib.loads((ROOT / "poetry.lock").read_text())["package"]:
        if used := groups.intersection(package["groups"]):
            hashes = " ".join(f"--hash={file['hash']}" for file in package["files"])
            yield f"{package['name']}=={package['version']}{marker(package.get('markers', ''), used)} {hashes}"


def marker(markers: str | dict[str, str], groups: frozenset[str]) -> str:
    """Return ` ; marker` for a package of these groups, with every extra counted as chosen; empty for no condition."""
    each = [markers.get(group, "") if isinstance(markers, dict) else markers for group in sorted(groups)]
    if not all(each):
        return ""
    either = " or ".join(f"({one})" for one in dict.fromkeys(each))
    return " ; " + re.sub(r'extra == "[^"]*"', 'python_version >= "3"', either)


def pip(verb: str, *arguments: str) -> None:
    """Run pip for `.venv`: its own, or else the one beside this Python; when it fails, end with what it said."""
    if any(VENV.glob("lib/*/site-packages/pip")):
        command = [str(PYTHON), "-m", "pip"]
    elif importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    else:
        sys.exit(f"{sys.executable} has neither ensurepip nor pip: install python3-venv or python3-pip and try again.")
    command += [verb, "-qq", "--disable-pip-version-check", "--no-input", "--no-deps", *arguments]
    # A host's setting to install for the user would make pip refuse a virtual environment.
    if status := subprocess.run(command, check=False, env=os.environ | {"PIP_USER": "0"}).returncode:
        sys.exit(status)


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"bootstrap: {line}", flush=True)


if __name__ == "__main__":
    main()
