"""Only the owner can read files with mails or secrets, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fam_auth import Auth
from fam_auth.core.mail import FileCarrier, Mail, MailFailed
from fam_auth.features.password import Password

MAIL = Mail("verify_email", "a@x.com", "b@x.com", "Hi", "text\n", "<p>html</p>", "<1@x.com>")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
async def test_only_the_owner_can_read_mails_in_files(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    for _ in range(2):
        await FileCarrier(folder).carry(MAIL)
    await FileCarrier(folder).check()
    [file] = folder.iterdir()
    assert (mode(file), mode(folder)) == (0o600, 0o700)


async def test_an_existing_file_or_link_is_not_written_into(tmp_path: Path) -> None:
    """Neither a file that others can read, nor one that a link leads to."""
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".1_x.com.part").symlink_to(mine)
    (tmp_path / "1_x.com.eml").touch(0o666)
    await FileCarrier(tmp_path).carry(MAIL)
    assert mine.read_text() == "mine"
    assert mode(tmp_path / "1_x.com.eml") == 0o600
    (tmp_path / ".1_x.com.part").mkdir()
    with pytest.raises(MailFailed) as failed:
        await FileCarrier(tmp_path).carry(MAIL)
    assert not failed.value.permanent


def started(folder: Path) -> Path:
    """Where the secret of a developer's machine lies, after a start."""
    Auth(f"sqlite+aiosqlite:///{folder}/x.db", features=[Password()], profile="development")
    return folder / "x.db.secret"


@pytest.mark.usefixtures("umask")
def test_only_the_owner_can_read_the_secret(tmp_path: Path) -> None:
    assert mode(started(tmp_path)) == 0o600


def test_a_secret_readable_by_others_is_made_private_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = started(tmp_path)
    said = secret.read_text()
    assert caplog.text == ""
    secret.chmod(0o644)
    assert started(tmp_path).read_text() == said
    assert mode(secret) == 0o600
    assert "Now only its owner can" in caplog.text


def test_a_secret_that_cannot_be_made_private_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    secret = started(tmp_path)
    secret.chmod(0o640)
    monkeypatch.setattr(Path, "chmod", refused)
    started(tmp_path)
    assert mode(secret) == 0o640
    assert "Run `chmod 600` on it as its owner" in caplog.text
