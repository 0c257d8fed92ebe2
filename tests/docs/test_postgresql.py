"""The page "Move to PostgreSQL with a standby": users move with all they have, and a dead machine is passed over."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import make_url

from tests.conftest import SECRETS
from tests.support import postgres
from tests.support.people import PASSWORD
from tests.support.service import free_port, service

PAGE = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
MOVE, STANDBY, _ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = "postgresql+psycopg://fam_auth:password@db1.example.com/app"
UNVERIFIED: dict[str, Any] = {"FAM_AUTH_EMAIL_VERIFICATION": "false"}


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = f"test_{uuid4().hex}"
    yield postgres.create_database(postgres_server, name)
    postgres.drop_database(postgres_server, name)


def run(lines: str, folder: Path) -> str:
    """What lines of the page print."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    environment = {
        "PATH": path,
        "FAM_AUTH_SECRETS": SECRETS,
        "FAM_AUTH_PROFILE": "development",
        **coverage,
    }
    done = subprocess.run(
        ["/bin/sh", "-ec", lines], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_users_move_with_all_they_have(tmp_path: Path, sqlite_template: Path, empty_postgres: str) -> None:
    shutil.copy(sqlite_template, tmp_path / "fam_auth.db")
    body = {"email": "ada@example.com", "password": PASSWORD}
    with service(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/fam_auth.db", **UNVERIFIED) as before:
        tokens = httpx2.post(f"{before.url}/auth/register", json=body).json()["tokens"]
    (tmp_path / "move.py").write_text(PROGRAM)
    said = run(MOVE.replace(PRINTED, empty_postgres), tmp_path)
    assert "auth_user: 1" in said
    assert "auth_session: 1" in said
    with service(tmp_path, empty_postgres, **UNVERIFIED) as after:
        again = httpx2.post(f"{after.url}/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
        header = {"Authorization": f"Bearer {again['access_token']}"}
        assert httpx2.get(f"{after.url}/auth/me", headers=header).json()["email"] == "ada@example.com"
        assert httpx2.post(f"{after.url}/auth/login", json=body).json()["status"] == "complete"


def test_a_machine_that_is_dead_is_passed_over(tmp_path: Path, postgres_database: str) -> None:
    url = make_url(postgres_database)
    there = STANDBY.replace("db1.example.com:5432", f"127.0.0.1:{free_port()}")
    there = there.replace("db2.example.com:5432", f"{url.host}:{url.port}")
    there = there.replace("fam_auth:password@/app", f"{url.username}:{url.password or 'none'}@/{url.database}")
    said = run(there, tmp_path)
    assert [line.split()[0] for line in said.splitlines() if line.endswith("fine")] == [
        *("settings", "migrations", "deadlines", "tables", "secrets", "mail")
    ]
