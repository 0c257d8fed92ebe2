"""`fam-auth otp`, for people who have lost a factor."""

import asyncio
import json
from pathlib import Path

import pytest

from fam_auth import cli
from fam_auth.features.otp import Otp, managers, totp
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import users
from tests.conftest import SECRETS, MakeAuth
from tests.support.people import OPERATOR


@pytest.fixture
def ada(make_auth: MakeAuth, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of the device of a user; the commands find them."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE": database,
        "PROFILE": "production",
        "SECRETS": SECRETS,
        "PUBLIC_URL": "https://app.example.com",
        "MAIL": "smtp://mail.example.com",
        "FEATURES": "password,otp",
    }.items():
        monkeypatch.setenv(f"FAM_AUTH_{name}", value)

    async def enrolled() -> str:
        auth = make_auth(features=[Password(), Otp()])
        user = await users.create(auth, "ada@example.com", "Ada", verified=True)
        begun = await managers.begin(auth, user, "Telephone")
        code = totp.code_of(begun.secret, totp.step_of(auth.now()))
        await managers.confirm(auth, user, begun.id, code, OPERATOR, keep=None)
        await auth.close()
        return str(begun.id)

    return asyncio.run(enrolled())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["fam-auth", "otp", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_list_and_remove(ada: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "list", "ada@example.com", "--json") == 0
    [device] = json.loads(capsys.readouterr().out)
    assert (device["id"], device["recovery_codes_left"]) == (ada, "10")
    assert run(monkeypatch, "remove", "ada@example.com") == 2
    assert run(monkeypatch, "remove", "ada@example.com", "--reason", "lost") == 0
    assert run(monkeypatch, "list", "ada@example.com", "--json") == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2] or "[]") == []
