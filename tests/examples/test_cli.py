"""The client on the command line against a real service."""

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fam_auth import Auth
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.testing import make_user, totp_code
from tests.conftest import SECRETS
from tests.support.examples import EXAMPLES
from tests.support.people import PASSWORD
from tests.support.service import Service, service

CLIENT = EXAMPLES / "cli" / "client.py"


def run(running: Service, tokens: Path, *arguments: str, stdin: str = "", code: int = 0) -> str:
    variables = {"SERVICE": running.url, "TOKENS": str(tokens)}
    command = [sys.executable, str(CLIENT), *arguments]
    done = subprocess.run(command, env=variables, input=stdin, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def people(sqlite_database: str) -> tuple[str, str]:
    """What Bob's authenticator shows, twice: Ada has none."""

    async def making() -> str:
        auth = Auth(sqlite_database, features=[Password(), Otp()], secrets=SECRETS)
        await make_user(auth, "ada@example.com", password=PASSWORD)
        bob = await make_user(auth, "bob@example.com", password=PASSWORD, factors=["totp"])
        code = await totp_code(auth, bob)
        await auth.close()
        return code

    return sqlite_database, asyncio.run(making())


def test_in_and_out_again(people: tuple[str, str], tmp_path: Path) -> None:
    database, code = people
    tokens = tmp_path / "kept" / "tokens.json"
    with service(tmp_path, database, FAM_AUTH_FEATURES="password,otp") as running:
        assert "Sign in first" in run(running, tokens, "me", code=1)
        wrong = run(running, tokens, "login", "ada@example.com", stdin="not it at all\n", code=1)
        assert "(invalid_credentials)" in wrong
        assert run(running, tokens, "login", "ada@example.com", stdin=f"{PASSWORD}\n") == (
            "Signed in as ada@example.com.\n"
        )
        assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
        assert run(running, tokens, "me").startswith("ada@example.com (")
        before = json.loads(tokens.read_text())
        tokens.write_text(json.dumps({**before, "access_token": "fams_gone"}))
        assert run(running, tokens, "me").startswith("ada@example.com (")
        assert json.loads(tokens.read_text())["refresh_token"] != before["refresh_token"]
        assert run(running, tokens, "logout") == "Signed out.\n"
        assert not tokens.exists()
        assert "bob" in run(running, tokens, "login", "bob@example.com", stdin=f"{PASSWORD}\n{code}\n")
        assert run(running, tokens, "me").startswith("bob@example.com (")
