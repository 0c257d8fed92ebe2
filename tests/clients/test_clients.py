"""The clients of the page "Make clients", generated from a running service and used to sign in."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest

from tests.support.people import PASSWORD
from tests.support.service import service
from tests.support.wheel import ROOT, Environment

PAGE = (ROOT / "docs" / "clients.md").read_text()
[DOCUMENT, MAKE_TYPESCRIPT, MAKE_PYTHON] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
[TYPESCRIPT] = re.findall(r"```ts\n(.*?)```", PAGE, re.DOTALL)
[PYTHON] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = "http://127.0.0.1:8000"
TRY_TYPESCRIPT = """
import { signIn, whoAmI } from "./sign-in.js";

const [email, password, code] = process.argv.slice(2);
const tokens = await signIn(email, password, async () => code).catch((error: Error) => error.message);
console.log(typeof tokens === "string" ? tokens : await whoAmI(tokens));
"""
COMPILER = ["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
TRY_PYTHON = """
import sys
from sign_in import sign_in, who_am_i

email, password, code = sys.argv[1:]
try:
    print(who_am_i(sign_in(email, password, lambda: code)))
except PermissionError as refused:
    print(refused)
"""


@dataclass
class Site:
    """A running service with two people, and a folder that its document lies in."""

    url: str
    folder: Path
    recovery_codes: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Ada has a password, Bob a second factor too."""
    folder = tmp_path_factory.mktemp("clients")
    variables: dict[str, Any] = {"FAM_AUTH_PROFILE": "development", "FAM_AUTH_EMAIL_VERIFICATION": "false"}
    with service(folder, f"sqlite+aiosqlite:///{folder}/fam_auth.db", **variables) as running:
        registered(running.url, "ada@example.com")
        codes = with_second_factor(running.url, registered(running.url, "bob@example.com"))
        subprocess.run(["/bin/sh", "-ec", DOCUMENT.replace(PRINTED, running.url)], cwd=folder, check=True)
        yield Site(running.url, folder, codes)


def registered(url: str, email: str) -> dict[str, str]:
    """The header that somebody who has just registered comes with."""
    answer = httpx2.post(f"{url}/auth/register", json={"email": email, "password": PASSWORD}).json()
    return {"Authorization": f"Bearer {answer['tokens']['access_token']}"}


def with_second_factor(url: str, header: dict[str, str]) -> list[str]:
    """Adds an authenticator, and returns the recovery codes."""
    device = httpx2.post(f"{url}/auth/otp/devices", json={"name": "Phone"}, headers=header).json()
    code = pyotp.TOTP(device["secret"]).now()
    answer = httpx2.post(f"{url}/auth/otp/devices/{device['id']}/confirm", json={"code": code}, headers=header)
    codes: list[str] = answer.json()["recovery_codes"]
    return codes


def shell(lines: str, folder: Path, *first: Path) -> None:
    """Runs lines of the page; programs in `first` are found before all others."""
    path = ":".join([*map(str, first), "/usr/local/bin:/usr/bin:/bin"])
    done = subprocess.run(
        ["/bin/sh", "-ec", lines],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def told(command: list[str], folder: Path, site: Site) -> list[str]:
    """What the program of a client says of Ada, of Bob with a recovery code, and of a wrong password."""
    people = [
        ("ada@example.com", PASSWORD, "none"),
        ("bob@example.com", PASSWORD, site.recovery_codes.pop()),
        ("bob@example.com", PASSWORD, "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"),
        ("ada@example.com", "wrong", "none"),
    ]
    runs = [subprocess.run([*command, *who], cwd=folder, capture_output=True, text=True, check=False) for who in people]
    return [run.stdout.strip() or run.stderr for run in runs]


EXPECTED = ["ada@example.com", "bob@example.com", "invalid_code", "invalid_credentials"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_the_typescript_client_signs_in(site: Site) -> None:
    folder = site.folder / "typescript"
    folder.mkdir()
    shutil.copy(site.folder / "openapi.json", folder)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    shell(MAKE_TYPESCRIPT, folder)
    (folder / "sign-in.ts").write_text(TYPESCRIPT.replace(PRINTED, site.url))
    (folder / "main.ts").write_text("declare const process: { argv: string[] };" + TRY_TYPESCRIPT)
    shell(f"npx tsc {' '.join(COMPILER)} main.ts sign-in.ts", folder)
    assert told(["node", "main.js"], folder, site) == EXPECTED


@pytest.mark.slow
def test_the_python_client_signs_in(site: Site) -> None:
    folder = site.folder / "python"
    environment = Environment(folder)
    shutil.copy(site.folder / "openapi.json", folder)
    install, *generate = MAKE_PYTHON.strip().splitlines()
    environment.install(*install.removeprefix("pip install ").split())
    shell("\n".join(generate), folder, environment.bin)
    (folder / "sign_in.py").write_text(PYTHON.replace(PRINTED, site.url))
    (folder / "main.py").write_text(TRY_PYTHON)
    assert told([str(environment.bin / "python"), "main.py"], folder, site) == EXPECTED
