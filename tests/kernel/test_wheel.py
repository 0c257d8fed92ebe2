"""The wheel contains everything it needs, and works with only its dependencies installed."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.support import postgres
from tests.support import wheel as wheels
from tests.support.people import PASSWORD
from tests.support.wheel import ROOT, Environment

PRODUCTION = {
    "FAM_AUTH_PROFILE": "production",
    "FAM_AUTH_SECRETS": "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2",
    "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
    "FAM_AUTH_MAIL": "console:",
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
}
# From the unpacked wheel and not from the checkout: it migrates, and renders a mail.
WITHOUT_THE_CHECKOUT = """
import asyncio, sys
import fam_auth
assert fam_auth.__file__.startswith(sys.argv[1]), fam_auth.__file__
from fam_auth import Auth
from fam_auth.core.letters import render
from fam_auth.core.upgrade import drift, upgrade

async def main():
    auth = Auth()
    await upgrade(auth.database, auth.histories)
    assert await drift(auth.database, auth.histories) == []
    await auth.start()
    await auth.close()

asyncio.run(main())
context = {"app_name": "Acme", "requested_at": "now", "requested_from": None}
print(render((), "already_registered", context).subject)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once."""
    return wheels.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = f"test_{uuid4().hex}"
    yield postgres.create_database(postgres_server, name)
    postgres.drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def names(wheel: Path) -> set[str]:
    """The files of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(folder: Path) -> set[str]:
    """What lies in a folder of the checkout, but for what Python leaves there."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_contains_the_package_and_its_migrations(names: set[str]) -> None:
    package = {f"fam_auth/{name}" for name in sources(ROOT / "src" / "fam_auth")}
    migrations = {f"fam_auth/migrations/{name}" for name in sources(ROOT / "migrations")}
    assert {name for name in names if name.startswith("fam_auth/")} == package | migrations
    assert names >= {
        "fam_auth/py.typed",
        "fam_auth/migrations/env.py",
        "fam_auth/migrations/versions/0001_kernel.py",
        "fam_auth/features/password/migrations/0001_password.py",
        "fam_auth/features/password/common.txt.gz",
        "fam_auth/mails/verify_email.txt",
        "fam_auth/mails/letter.html",
        "fam_auth/languages/de.toml",
    }


def test_the_wheel_contains_licences_and_nothing_else(names: set[str]) -> None:
    beside = {name for name in names if not name.startswith("fam_auth/")}
    assert {name.partition(".dist-info/")[2] for name in beside} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "licenses/NOTICE",
    }


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = [sys.executable, "-c", WITHOUT_THE_CHECKOUT, str(tmp_path / "site")]
    variables = {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, cwd=tmp_path, env=variables, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Acme" in done.stdout


@pytest.mark.slow
def test_installed_without_extras_it_runs_on_sqlite(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.install(wheel)
    variables = PRODUCTION | {"FAM_AUTH_DATABASE": f"sqlite+aiosqlite:///{tmp_path}/fam_auth.db"}
    story(environment, tmp_path, variables)
    lacking = variables | {"FAM_AUTH_DATABASE": "postgresql+psycopg://localhost/app"}
    with pytest.raises(AssertionError, match="fam-auth\\[postgres\\]"):
        environment.run("fam-auth", "migrate", cwd=tmp_path, **lacking)
    for name, value in (
        ("FAM_AUTH_FEATURES", "password,webhook"),
        ("FAM_AUTH_PASSWORD__BREACHED_URL", "https://api.pwnedpasswords.com/range"),
    ):
        with pytest.raises(AssertionError, match=r"httpx2.*fam-auth\[webhook\]"):
            environment.run("fam-auth", "config", cwd=tmp_path, **variables | {name: value})


@pytest.mark.slow
def test_installed_with_the_extra_it_runs_on_postgres(wheel: Path, tmp_path: Path, empty_postgres: str) -> None:
    environment = Environment(tmp_path / "venv")
    environment.install(f"{wheel}[postgres]")
    story(environment, tmp_path, PRODUCTION | {"FAM_AUTH_DATABASE": empty_postgres})


def story(environment: Environment, folder: Path, variables: dict[str, str]) -> None:
    """From no table to a signed-in user, by the commands a reader of the documentation types."""
    with pytest.raises(AssertionError, match="Run `fam-auth migrate`"):
        environment.run("fam-auth", "doctor", cwd=folder, **variables)
    environment.run("fam-auth", "migrate", cwd=folder, **variables)
    environment.run("fam-auth", "doctor", cwd=folder, **variables)
    body = {"email": "ada@example.com", "password": PASSWORD}
    for program, *arguments in (["fam-auth", "serve"], ["uvicorn", "fam_auth.main:app"]):
        with environment.serving(program, *arguments, cwd=folder, **variables) as url:
            verb = "register" if program == "fam-auth" else "login"
            tokens = httpx2.post(f"{url}/auth/{verb}", json=body).json()["tokens"]
            header = {"Authorization": f"Bearer {tokens['access_token']}"}
            assert httpx2.get(f"{url}/auth/me", headers=header).json()["email"] == "ada@example.com"
