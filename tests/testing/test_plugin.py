"""The fixtures for applications, in a pytest of their own: the page "Test your application", as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
FILES = dict(re.findall(r"```\w+ title=\"([\w.]+)\"\n(.*?)```", PAGE, re.DOTALL))
ASYNC = """
from datetime import timedelta

import httpx2
import pytest
from app import app, auth as application

from fam_auth.install import running
from fam_auth.testing import mails_to, make_user, signed_in, travel

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_a_coroutine(auth):
    assert auth is application
    transport = httpx2.ASGITransport(app)
    async with running(auth), httpx2.AsyncClient(transport=transport, base_url="https://test") as client:
        user = await make_user(auth, "ada@example.com", name="Ada")
        await signed_in(auth, client, user)
        assert (await client.get("/hello")).json() == "ada@example.com"
        await client.post("/auth/password/forgot", json={"email": user.email})
        assert [mail.kind for mail in await mails_to(auth, user.email)] == ["reset_password"]
        await travel(auth, timedelta(minutes=6))
        assert (await client.get("/hello")).status_code == 401


async def test_a_fixture_says_what_to_do(make_user):
    with pytest.raises(RuntimeError, match="Await the function"):
        make_user()


def test_each_test_begins_anew(auth, make_user):
    make_user("ada@example.com")


def test_and_again(auth, make_user, freeze, travel):
    make_user("ada@example.com")
    assert freeze() <= travel(days=-1) + __import__("datetime").timedelta(days=1, seconds=1)
"""


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A pytest in the folder, which knows nothing of ours."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("FAM_AUTH_", "PYTEST"))}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=plain | variables, check=False, capture_output=True, text=True
    )


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The application of the page, and its tests."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "test_async.py").write_text(ASYNC)
    return tmp_path


def test_the_page_as_it_is_printed(host: Path) -> None:
    assert FILES.keys() == {"pyproject.toml", "app.py", "conftest.py", "test_app.py"}
    done = run(host)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FILES['test_app.py'].count('def test_') + 4} passed" in done.stdout
    # Neither a database nor a secret is left behind.
    assert {path.name for path in host.iterdir()} - {"__pycache__"} == {*FILES, "test_async.py"}


@pytest.mark.parametrize(
    ("target", "told"),
    [("", "Set fam_auth = module:name"), ("app", "Set fam_auth = module:name"), ("app:hello", "neither an Auth nor")],
)
def test_a_target_without_an_auth_is_a_usage_error(host: Path, target: str, told: str) -> None:
    (host / "pyproject.toml").write_text(f'[tool.pytest.ini_options]\nfam_auth = "{target}"\n')
    (host / "conftest.py").write_text("")
    (host / "test_async.py").unlink()
    (host / "test_app.py").write_text("def test_one(auth): ...\n")
    # Ours alone: the plugins of others take a second.
    done = run(host, "-p", "fam_auth.testing.plugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert done.returncode == 1
    assert told in done.stdout


def test_without_pytest_the_rest_is_there() -> None:
    command = "import sys; sys.modules['pytest'] = None; import fam_auth.testing; print('there')"
    done = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True)
    assert done.stdout == "there\n"
