"""The tutorial as a reader follows it: every page's files and commands, in order, in one folder."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pyotp
import pytest

from tests.support import postgres
from tests.support.people import PASSWORD
from tests.support.service import free_port

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "start.md",
    "tutorial/protect.md",
    "tutorial/verify.md",
    "tutorial/roles.md",
    "tutorial/two-factor.md",
    "tutorial/postgresql.md",
    "tutorial/front-end.md",
    "tutorial/tests.md",
    "tutorial/deploy.md",
]
FILE = re.compile(r"```\w+ title=\"([\w.]+)\"[^\n]*\n(.*?)```", re.DOTALL)
SHELL = re.compile(r"<!-- run by: [^>]* -->\n```sh\n(.*?)```", re.DOTALL)
SERVER = "postgresql+psycopg://notes:password@127.0.0.1:5432/notes"


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def application_of(page: str) -> list[str]:
    """The lines of app.py on a page."""
    [lines] = [str(content).splitlines() for name, content in FILE.findall(text_of(page)) if name == "app.py"]
    return lines


@dataclass
class Reader:
    """Somebody who follows the tutorial: a folder, a terminal with its variables, and another one for the server."""

    folder: Path
    database: str
    port: int = field(default_factory=free_port)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("FAM_AUTH_", "PYTEST"))}
        path = f"{Path(sys.executable).parent}:{plain['PATH']}"
        self.variables |= plain | {"PATH": path, "PYTHONUNBUFFERED": "1"}
        self.url = f"http://127.0.0.1:{self.port}"

    def write(self, page: str) -> None:
        """The files of a page are in the folder."""
        for name, content in FILE.findall(text_of(page)):
            (self.folder / name).write_text(content)

    def commands(self, page: str) -> list[str]:
        """The commands of a page, one line each, with the reader's own port and database."""
        lines = "".join(SHELL.findall(text_of(page))).splitlines()
        return [line.replace("http://127.0.0.1:8000", self.url).replace(SERVER, self.database) for line in lines]

    def runs(self, line: str) -> str:
        """What a command prints; it must succeed."""
        line = line.replace("curl ", "curl -s ")
        command, folder = ["/bin/sh", "-c", line], self.folder
        done = subprocess.run(
            command, cwd=folder, env=self.variables, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, line + done.stdout + done.stderr
        return done.stdout

    def exports(self, line: str) -> None:
        """An `export` of the page is in force for what comes after it."""
        name, _, value = line.removeprefix("export ").partition("=")
        self.variables[name] = self.runs(f"printf %s {value}")

    @contextmanager
    def serves(self, line: str) -> Iterator[None]:
        """The server of a page runs, and answers."""
        with (self.folder / "log").open("wb") as log:
            command = [*line.replace(" --reload", "").split(), "--port", str(self.port)]
            process = subprocess.Popen(command, cwd=self.folder, env=self.variables, stdout=log, stderr=log)
        try:
            for _ in range(600):
                assert process.poll() is None, self.log()
                with suppress(httpx2.TransportError):
                    if httpx2.get(f"{self.url}/auth/health/ready").status_code == 200:
                        break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(20)

    def log(self) -> str:
        """What the terminal of the server shows."""
        return (self.folder / "log").read_text()

    def code_of_the_mail(self) -> str:
        """The code of the newest mail, as the reader copies it from the terminal."""
        for _ in range(200):
            if found := re.findall(r"^(\d{6})$", self.log(), re.MULTILINE):
                return str(found[-1])
            time.sleep(0.05)
        raise AssertionError(self.log())


@pytest.fixture
def reader(tmp_path: Path, postgres_server: str) -> Iterator[Reader]:
    """Somebody with an empty folder and an empty PostgreSQL database."""
    name = f"test_{uuid4().hex}"
    yield Reader(tmp_path, postgres.create_database(postgres_server, name))
    postgres.drop_database(postgres_server, name)


def test_the_tutorial_from_the_first_page_to_the_last(reader: Reader) -> None:
    first_steps(reader)
    protect_a_route(reader)
    verify_an_address(reader)
    grant_a_role(reader)
    require_a_second_factor(reader)
    move_to_postgresql(reader)
    add_a_front_end(reader)
    run_its_tests(reader)
    deploy_it(reader)


def first_steps(reader: Reader) -> None:
    reader.write("start.md")
    _, serve, call = reader.commands("start.md")
    with reader.serves(serve):
        assert reader.runs(call).endswith('"Hello ada@example.com"')


def protect_a_route(reader: Reader) -> None:
    reader.write("tutorial/protect.md")
    serve, sign_in, add, read, anonymous, routes = reader.commands("tutorial/protect.md")
    with reader.serves(serve):
        assert '"complete"' in reader.runs(sign_in)
        assert reader.runs(add) == reader.runs(read) == '["Buy an engine"]'
        assert '"unauthenticated"' in reader.runs(anonymous)
    reader.runs(routes)


def verify_an_address(reader: Reader) -> None:
    reader.write("tutorial/verify.md")
    sign_in, resend, verify, again, me = reader.commands("tutorial/verify.md")
    with reader.serves("uvicorn app:app"):
        assert '"next":[{"step":"verify_email"}]' in reader.runs(sign_in)
        reader.runs(resend)
        reader.variables["CODE"] = reader.code_of_the_mail()
        assert reader.runs(verify) == '{"status":"verified"}'
        assert '"complete"' in reader.runs(again)
        assert '"email_verified":true' in reader.runs(me)


def grant_a_role(reader: Reader) -> None:
    reader.write("tutorial/roles.md")
    refused, grant, allowed, *administrator = reader.commands("tutorial/roles.md")
    with reader.serves("uvicorn app:app"):
        assert '"forbidden"' in reader.runs(refused)
        reader.runs(grant)
        time.sleep(1.2)
        assert reader.runs(allowed) == "{}"
        assert "ada@example.com" in [reader.runs(line) for line in administrator][-1]


def require_a_second_factor(reader: Reader) -> None:
    reader.write("tutorial/two-factor.md")
    [one_factor] = reader.commands("tutorial/two-factor.md")
    with reader.serves("uvicorn app:app"):
        assert '"step_up_required"' in reader.runs(one_factor)
        account = httpx2.get(f"{reader.url}/auth/account/second-factors", headers={"Accept": "text/html"})
        assert account.headers["location"].startswith("/auth/sign-in?next=")
        form = {"email": "ada@example.com", "password": PASSWORD}
        with httpx2.Client(base_url=reader.url) as http:
            http.post("/auth/login", json={**form, "transport": "cookie"})
            device = http.post("/auth/otp/devices", json={"name": "Phone"}).json()
            code = {"code": pyotp.TOTP(device["secret"]).now()}
            confirmed = http.post(f"/auth/otp/devices/{device['id']}/confirm", json=code)
            assert len(confirmed.json()["recovery_codes"]) == 10
        [step] = httpx2.post(f"{reader.url}/auth/login", json=form).json()["next"]
        assert step["step"] == "second_factor"


def move_to_postgresql(reader: Reader) -> None:
    reader.write("tutorial/postgresql.md")
    database, profile, migrate, serve = reader.commands("tutorial/postgresql.md")
    reader.exports(database)
    reader.exports(profile)
    reader.runs(migrate)
    with reader.serves(serve):
        assert httpx2.get(f"{reader.url}/notes").status_code == 401


def add_a_front_end(reader: Reader) -> None:
    reader.write("tutorial/front-end.md")
    with reader.serves("uvicorn app:app"), httpx2.Client(base_url=reader.url) as http:
        page = http.get("/").text
        assert page == (reader.folder / "index.html").read_text()
        called = set(re.findall(r'call\("[A-Z]+", "([^"]+)"', page))
        assert called <= http.get("/openapi.json").json()["paths"].keys()
        linked = set(re.findall(r'(?:href=|assign\()"([^"]+)"', page))
        assert {http.get(path).status_code for path in linked} <= {200, 303}
        form = {"email": "ada@example.com", "password": PASSWORD}
        registered = http.post("/auth/register", json=form).json()
        assert registered["status"] == "pending_verification"
        http.post("/auth/email/verify", json={**form, "code": reader.code_of_the_mail()})
        assert http.post("/auth/login", json=form).json()["tokens"] is None
        http.post("/notes", json={"text": "Buy an engine"})
        assert http.get("/notes").json() == ["Buy an engine"]
        assert http.delete("/notes").status_code == 200
        assert http.get("/notes").json() == []


def run_its_tests(reader: Reader) -> None:
    reader.write("tutorial/tests.md")
    _, run = reader.commands("tutorial/tests.md")
    printed = reader.runs(f"python -m {run} -q -p no:schemathesis -p no:cacheprovider")
    assert "4 passed" in printed


def deploy_it(reader: Reader) -> None:
    lines = reader.commands("tutorial/deploy.md")
    settings = [line for line in lines if line.startswith("export ")]
    for line in settings:
        reader.exports(line.replace("smtp://user:password@mail.example.com:587", f"file://{reader.folder}/mails"))
    *before, serve = [line for line in lines if line not in settings]
    for line in before:
        reader.runs(line)
    with reader.serves(serve):
        answer = httpx2.get(f"{reader.url}/auth/me")
        assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize(("page", "following"), list(pairwise(PAGES)))
def test_each_page_leads_to_the_next(page: str, following: str) -> None:
    link = os.path.relpath(following, Path(page).parent)
    assert f"]({link})" in text_of(page).partition("\n## Next\n")[2]


@pytest.mark.parametrize(("before", "page"), list(pairwise(PAGES[:-2])))
def test_what_is_new_on_a_page_is_highlighted(before: str, page: str) -> None:
    known, lines = application_of(before), application_of(page)
    [marked] = re.findall(r'title="app.py" hl_lines="([\d\s-]+)"', text_of(page))
    numbers: list[Any] = [range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1) for part in marked.split()]
    highlighted = {number for part in numbers for number in part}
    assert {line for number, line in enumerate(lines, 1) if number not in highlighted} <= {*known, ""}
