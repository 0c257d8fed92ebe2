"""The README's own lines, run as they stand."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from tests.support.people import PASSWORD
from tests.support.service import free_port, service

README = (Path(__file__).parents[2] / "README.md").read_text()
STORY = re.findall(r"<!-- story.*?-->\n```sh\n(.*?)\n```", README, re.DOTALL)

# What the second example needs beside the first.
IMPORTS = """
from datetime import timedelta
from fam_auth import needs, second_factor
from fam_auth.features.otp import Otp
from fam_auth.features.role import Role, role
"""


def test_the_curl_lines_tell_the_whole_story(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path}/readme.db"
    with service(tmp_path, database, FAM_AUTH_PROFILE="development") as running:
        known: dict[str, str] = {}
        answers = []
        for command in STORY:
            line = command.replace("http://127.0.0.1:8000", running.url)
            done = subprocess.run(["/bin/sh", "-c", line], env=known, capture_output=True, text=True, check=True)
            answers.append(done.stdout)
            if len(answers) == 1:
                mail = running.mails("ada@example.com", at_least=1)[0].get_body(("plain",))
                assert mail is not None
                known["TOKEN"] = mail.get_content().partition("#token=")[2].split()[0]
                known["REGISTRATION"] = json.loads(done.stdout)["registration_token"]
            if len(answers) == 3:
                tokens = json.loads(done.stdout)["tokens"]
                known |= {"ACCESS": tokens["access_token"], "REFRESH": tokens["refresh_token"]}
        registered, verified, login, me, refreshed, sessions, logout, after = answers
        assert json.loads(registered)["status"] == "pending_verification"
        assert json.loads(verified) == {"status": "verified"}
        assert json.loads(login)["status"] == "complete"
        assert json.loads(me)["name"] == "Ada"
        assert json.loads(refreshed)["access_token"]
        assert json.loads(sessions)["items"][0]["current"]
        assert (logout, after) == ("204", "401")


def test_the_ten_lines_run_as_printed(tmp_path: Path) -> None:
    lines, more = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    lines = f"{IMPORTS}{lines}{more}".replace("[Password()]", "[Password(), Otp(), Role()]")
    (tmp_path / "host.py").write_text(lines)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "host:app", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        for _ in range(800):
            if "Uvicorn running" in (tmp_path / "log").read_text():
                break
            assert process.poll() is None
            time.sleep(0.05)
        assert httpx2.get(f"http://127.0.0.1:{port}/hello").json()["code"] == "unauthenticated"
        assert (tmp_path / "fam_auth.db.secret").stat().st_mode & 0o777 == 0o600
        body = {"email": "ada@example.com", "password": PASSWORD}
        assert httpx2.post(f"http://127.0.0.1:{port}/auth/register", json=body).status_code == 202
    finally:
        process.terminate()
        process.wait(10)
