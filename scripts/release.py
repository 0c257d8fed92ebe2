"""Build a release into dist/ and look at it: wheel, source archive, SBOM.

Usage: .venv/bin/python -m scripts.release [--ready]

With --ready it also says what is lacking before the release may go out: the changelog, the tag, the working tree, and
that the wheel works where nothing but it and its dependencies is installed. Ends with every complaint, or with none.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from poetry.core.masonry import api

from scripts.bootstrap import requirements

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BESIDE = {"LICENSE", "NOTICE", "README.md", "pyproject.toml", "PKG-INFO"}
WITHOUT_EXTRAS = "import fam_auth; [getattr(fam_auth, name) for name in fam_auth.__all__]; print(fam_auth.__version__)"


def main() -> None:
    """The release is in dist/ and sound; otherwise the program ends with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ready", action="store_true", help="Say what is lacking before it may go out.")
    ready = parser.parse_args().ready
    wheel, archive = built()
    made = tracked()
    wrong = [*in_wheel(wheel, made), *in_archive(archive, made), *unfit(wheel, archive)]
    if ready:
        wrong += [*unready((ROOT / "CHANGELOG.md").read_text(), version()), *unclean(version()), *broken(wheel)]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{wheel.name}, {archive.name} and {described(version()).name} are in {DIST.name}/")


def version() -> str:
    """The version that pyproject.toml names; nothing else does."""
    named: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return named


def built() -> tuple[Path, Path]:
    """The wheel and the source archive, alone in dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    return DIST / api.build_wheel(str(DIST)), DIST / api.build_sdist(str(DIST))


def tracked() -> set[str]:
    """The files of the package and its migrations that git knows, as the source archive has them."""
    return set(_run("git", "ls-files", "src", "migrations").stdout.split())


def in_wheel(wheel: Path, files: set[str]) -> Iterator[str]:
    """What the wheel lacks of the package, and what is in it besides."""
    wanted = {name.removeprefix("src/") for name in files if name.startswith("src/")}
    wanted |= {f"fam_auth/{name}" for name in files if name.startswith("migrations/")}
    with zipfile.ZipFile(wheel) as opened:
        found = {name for name in opened.namelist() if ".dist-info/" not in name}
    yield from _differences(wheel.name, wanted, found)


def in_archive(archive: Path, files: set[str]) -> Iterator[str]:
    """The same for the source archive."""
    with tarfile.open(archive) as opened:
        found = {name.partition("/")[2] for name in opened.getnames()}
    yield from _differences(archive.name, files | BESIDE, found)


def unfit(wheel: Path, archive: Path) -> Iterator[str]:
    """What the index would refuse."""
    checked = _run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive))
    if checked.returncode:
        yield checked.stdout + checked.stderr


def described(named: str) -> Path:
    """The SBOM (CycloneDX) of all that the release was tested with, extras included, from the lock."""
    file = DIST / f"fam_auth-{named}.cdx.json"
    with tempfile.TemporaryDirectory() as folder:
        # The tool takes [tool.poetry] for a project of Poetry's older form, and looks for its name there.
        project = Path(folder) / "pyproject.toml"
        project.write_text((ROOT / "pyproject.toml").read_text().partition("\n[tool.")[0])
        lines = "\n".join(requirements(frozenset({"main"})))
        options = ("--pyproject", str(project), "--mc-type", "library", "--output-reproducible")
        command = (sys.executable, "-m", "cyclonedx_py", "requirements", *options, "--output-file", str(file), "-")
        made = subprocess.run(command, input=lines, check=False, capture_output=True, text=True)
    if made.returncode:
        sys.exit(made.stderr)
    return file


def unready(changelog: str, named: str) -> Iterator[str]:
    """What the changelog lacks: a dated section of this version, and nothing that is in no version."""
    if not re.search(rf"^## \[{re.escape(named)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no section `## [{named}] - YEAR-MONTH-DAY`."
    if changelog.partition("## [Unreleased]")[2].partition("\n## ")[0].strip():
        yield "CHANGELOG.md has lines under Unreleased: move them into the section of the version."


def unclean(named: str) -> Iterator[str]:
    """What git has against a release now."""
    if _run("git", "status", "--porcelain").stdout:
        yield "The working tree has changes: commit them first."
    if _run("git", "tag", "--list", f"v{named}").stdout:
        yield f"There is a tag v{named} already: raise the version in pyproject.toml."


def broken(wheel: Path) -> Iterator[str]:
    """What fails where nothing but the wheel and its dependencies is installed, without any extra."""
    with tempfile.TemporaryDirectory() as folder:
        venv.EnvBuilder(symlinks=True).create(folder)
        python = f"{folder}/bin/python"
        # The Python of .venv has no pip where the system splits it off; then the one below it has.
        pip = sys.executable if find_spec("pip") else sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001
        installed = _run(pip, "-m", "pip", "--python", python, "install", "-q", "--only-binary", ":all:", str(wheel))
        tried = _run(python, "-c", WITHOUT_EXTRAS, cwd=folder)
        if installed.returncode or tried.stdout.strip() != version():
            yield f"The wheel does not work by itself: {installed.stderr}{tried.stdout}{tried.stderr}"
        told = _run(f"{folder}/bin/fam-auth", "--version", cwd=folder).stdout
        if told.strip() != f"fam-auth {version()}":
            yield f"`fam-auth --version` says {told.strip() or 'nothing'}."


def _differences(where: str, wanted: set[str], found: set[str]) -> Iterator[str]:
    yield from (f"{where} lacks {name}." for name in sorted(wanted - found))
    yield from (f"{where} has {name}, which does not belong there." for name in sorted(found - wanted))


def _run(*command: str, cwd: str | Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)


if __name__ == "__main__":
    main()
