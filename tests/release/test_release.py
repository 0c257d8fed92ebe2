"""What `make build` and `make release-check` look at: contents, changelog, version, SBOM."""

import json
import re
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import fam_auth
from scripts import release

FILES = {"src/fam_auth/__init__.py", "src/fam_auth/py.typed", "migrations/env.py"}


def test_the_version_stands_in_one_place() -> None:
    assert fam_auth.__version__ == release.version()
    written = [
        file.relative_to(release.ROOT).as_posix()
        for file in (release.ROOT / "src").rglob("*.py")
        if re.search(rf"[\"']{re.escape(release.version())}[\"']", file.read_text())
    ]
    assert written == []


def test_what_a_wheel_lacks_and_what_it_has_besides(tmp_path: Path) -> None:
    wheel = tmp_path / "one.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        for name in ("fam_auth/__init__.py", "fam_auth/migrations/env.py", "tests/secret.env", "x.dist-info/RECORD"):
            opened.writestr(name, "")
    assert list(release.in_wheel(wheel, FILES)) == [
        "one.whl lacks fam_auth/py.typed.",
        "one.whl has tests/secret.env, which does not belong there.",
    ]


def test_what_a_source_archive_has_besides(tmp_path: Path) -> None:
    archive = tmp_path / "one.tar.gz"
    (tmp_path / "empty").touch()
    with tarfile.open(archive, "w:gz") as opened:
        for name in (*FILES, *release.BESIDE, ".env"):
            opened.add(tmp_path / "empty", f"fam_auth-1/{name}")
    assert list(release.in_archive(archive, FILES)) == ["one.tar.gz has .env, which does not belong there."]


def test_a_changelog_that_is_ready() -> None:
    ready = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n- One.\n"
    assert list(release.unready(ready, "1.2.3")) == []
    assert list(release.unready(ready, "1.2.4")) == ["CHANGELOG.md has no section `## [1.2.4] - YEAR-MONTH-DAY`."]
    unsorted = ready.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Two.\n")
    [line] = release.unready(unsorted, "1.2.3")
    assert "Unreleased" in line


def test_our_own_changelog_has_the_heading_that_is_looked_for() -> None:
    assert "\n## [Unreleased]\n" in (release.ROOT / "CHANGELOG.md").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("cyclonedx_py"), reason="needs the group release: `make build` installs it")
def test_s118_the_sbom_names_what_the_lock_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "DIST", tmp_path)
    bom = json.loads(release.described("1.2.3").read_text())
    names = {component["name"] for component in bom["components"]}
    assert {"fastapi", "sqlalchemy", "argon2-cffi", "psycopg", "pyotp"} <= names
    assert not {"pytest", "zensical", "twine"} & names
    assert all(component["version"] and component["externalReferences"] for component in bom["components"])
    assert bom["metadata"]["component"]["name"] == "fam-auth"
