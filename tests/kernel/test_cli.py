"""The command line, in this process and as one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from fam_auth import cli

Run = Callable[..., str]


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command against the test's database and gives what it printed; `code` is the exit code expected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAM_AUTH_DATABASE", database)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "production")
    monkeypatch.setenv("FAM_AUTH_SECRETS", "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2")
    monkeypatch.setenv("FAM_AUTH_PUBLIC_URL", "https://app.example.com")
    monkeypatch.setenv("FAM_AUTH_MAIL", f"file://{tmp_path}/mails")

    def running(*arguments: str, stdin: str | None = None, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["fam-auth", *arguments])
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed
        return printed.out + printed.err

    return running


def test_the_life_of_a_user(run: Run) -> None:
    made = run("users", "create", "ada@example.com", "--name", "Ada", "--stdin", stdin="seventeen green llamas\n")
    assert "ada@example.com" in made
    assert run("users", "create", "ada@example.com", "--stdin", stdin="seventeen green llamas\n", code=1)
    poor = run("users", "create", "bob@example.com", "--stdin", stdin="password123\n", code=1)
    assert "first passwords" in poor
    [ada] = json.loads(run("users", "list", "--json"))
    assert ada["email_verified"] == "True"
    assert json.loads(run("users", "show", ada["id"], "--json")) == [ada]
    assert "Suspended" in run("users", "suspend", "ada@example.com", "--reason", "unpaid")
    assert json.loads(run("users", "show", "ada@example.com", "--json"))[0]["suspended_at"] != "None"
    assert "Restored" in run("users", "restore", "ada@example.com")
    assert run("users", "delete", "ada@example.com", stdin="n\n", code=1)
    assert "Deleted" in run("users", "delete", "ada@example.com", "--yes")
    assert "no such thing" in run("users", "show", "ada@example.com", code=1)
    assert "None." in run("users", "list")


def test_the_audit_log_is_listed(run: Run) -> None:
    run("users", "create", "ada@example.com", "--stdin", stdin="seventeen green llamas\n")
    run("users", "suspend", "ada@example.com")
    kinds = [row["kind"] for row in json.loads(run("events", "list", "ada@example.com", "--json"))]
    assert kinds == ["user.suspended", "user.created"]
    assert "user.created" in run("events", "list", "--kind", "user.created", "--limit", "1")
    assert "None." in run("events", "list", "--until", "2020-01-01")
    assert len(json.loads(run("events", "list", "--since", "2020-01-01", "--json"))) == 2


def test_the_outbox_is_listed_and_retried(run: Run) -> None:
    assert "None." in run("outbox", "list")
    run("users", "invite", "ada@example.com")
    [mail] = json.loads(run("outbox", "list", "--json"))
    assert (mail["kind"], mail["outcome"]) == ("invitation", "None")
    assert "None." in run("outbox", "list", "--given-up")
    assert "as soon as a worker looks" in run("outbox", "retry", mail["id"])
    assert "no such thing" in run("outbox", "retry", mail["user_id"], code=1)


def test_a_password_is_prompted_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "seventeen green llamas")
    assert "ada@example.com" in run("users", "create", "ada@example.com", stdin="")


def test_links_and_invitations(run: Run) -> None:
    link = run("users", "create", "ada@example.com", "--link").strip()
    assert link.startswith("https://app.example.com/auth/reset-password#token=famp_")
    assert run("users", "link", "ada@example.com") != link
    kinds = [event["kind"] for event in json.loads(run("events", "list", "--json"))]
    assert kinds == ["password.link_made", "password.link_made", "user.created"]
    assert "bob@example.com" in run("users", "invite", "bob@example.com", "--name", "Bob")
    assert "Marked." in run("users", "compromised", "bob@example.com")
    [bob] = json.loads(run("users", "list", "BOB@", "--json"))
    assert bob["name"] == "Bob"
    exported = json.loads(run("users", "export", "bob@example.com"))
    assert [row["address"] for row in exported["auth_email"]] == ["bob@example.com"]
    run("users", "suspend", "bob@example.com", "--until", "2030-01-01")
    assert json.loads(run("users", "show", bob["id"], "--json"))[0]["suspended_until"].startswith("2030-01-01")


def test_sessions(run: Run) -> None:
    run("users", "create", "ada@example.com", "--stdin", "--no-verified", stdin="seventeen green llamas\n")
    assert "None." in run("sessions", "list")
    assert run("sessions", "list", "ada@example.com", "--json").strip() == "[]"
    assert "Ended: 0" in run("sessions", "end", "--all")
    assert "Ended: 0" in run("sessions", "end", "--user", "ada@example.com")
    assert run("sessions", "end", "01a20af1-2c84-7fa2-8262-758c6542621b", code=1)
    assert "Name one of" in run("sessions", "end", code=2)


def test_doctor_and_settings_report_the_state_of_the_service(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [row["found"] for row in json.loads(run("doctor", "--json"))] == ["fine"] * 6
    monkeypatch.setenv("FAM_AUTH_MAIL", "smtp://user:hidden@127.0.0.1:1")
    found = {row["check"]: row["found"] for row in json.loads(run("doctor", "--json", code=1))}
    assert "the mail server does not take mails" in found["mail"]
    monkeypatch.setenv("FAM_AUTH_API_DOCS", "true")
    assert "advice      FAM_AUTH_API_DOCS" in run("doctor", code=1)
    assert "auth_otp_device.secret" in run("rekey", "--json")
    assert "up to date" in run("migrate")
    assert "Nothing to do" in run("migrate", "--plan")
    assert "outbox" in run("purge")
    settings = {row["name"]: row for row in json.loads(run("config", "--json"))}
    assert settings["FAM_AUTH_SECRETS"]["value"] == "**********"
    assert settings["FAM_AUTH_MAIL"]["value"] == "smtp://user:***@127.0.0.1:1"
    assert settings["FAM_AUTH_PASSWORD__MINIMUM_LENGTH"]["default"] == "8"
    assert "FAM_AUTH_POOL_SIZE" in run("config")
    assert len(run("secret").strip()) == 64
    assert "fam-auth 0." in run("--version")
    monkeypatch.setenv("FAM_AUTH_SECRETS", "short")
    assert run("doctor", code=2).startswith("fam-auth: FAM_AUTH_SECRETS: a secret is shorter")


def test_a_database_without_tables(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_DATABASE", f"sqlite+aiosqlite:///{tmp_path}/empty.db")
    found = run("doctor", code=1)
    assert "run `fam-auth migrate`" in found
    assert "Found: " in found
    assert "['" not in found
    assert "CREATE TABLE auth_user" in run("migrate", "--plan")
    run("migrate")
    assert "fine" in run("doctor")


def test_a_database_that_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_DATABASE", "postgresql+psycopg://127.0.0.1:1/none")
    assert "does not answer" in run("users", "list", code=3)


def test_the_worker_stops_when_told_to(run: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fam_auth.cli", "worker"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ)
    assert process.stderr is not None
    assert "Sending mails" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stderr.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_tune_hash_measures_this_machine(run: Run) -> None:
    measured = json.loads(run("tune-hash", "--seconds", "0.1", "--target", "10", "--json"))
    assert {"memory_kib", "passes", "milliseconds", "per_second"} == set(measured[0])
    assert ("19456", "2") in {(row["memory_kib"], row["passes"]) for row in measured}
    assert "Nothing that is strong enough" in run("tune-hash", "--seconds", "0.1", "--target", "10")
    # Enough for something stronger than the minimum, even if the machine is busier than a moment ago.
    enough = max(10, 6 * min(int(row["milliseconds"]) for row in measured))
    assert "FAM_AUTH_HASHING__MEMORY=" in run("tune-hash", "--seconds", "0.1", "--target", str(enough))
