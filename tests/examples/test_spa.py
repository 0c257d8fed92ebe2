"""The page with cookies, in a browser; and the same requests as it sends them, without one."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import SECRETS
from tests.support.browser import CHROMIUM, browser
from tests.support.examples import EXAMPLES
from tests.support.people import PASSWORD
from tests.support.service import Service, free_port

SPA = EXAMPLES / "spa"
WRONG, NOTE = "not it at all", "Buy an engine <b>now</b>"


@pytest.fixture
def spa(tmp_path: Path) -> Iterator[Service]:
    """The example as its README starts it, at another port."""
    port = free_port()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FAM_AUTH_")}
    variables = {
        **plain,
        "FAM_AUTH_DATABASE": f"sqlite+aiosqlite:///{tmp_path}/spa.db",
        "FAM_AUTH_SECRETS": SECRETS,
        "FAM_AUTH_MAIL": f"file://{tmp_path}/mails",
    }
    command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(SPA), "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=log, stderr=log)
    running = Service(f"http://127.0.0.1:{port}", tmp_path, process)
    try:
        _wait(running)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def _wait(running: Service) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx2.get(f"{running.url}/auth/health/ready").raise_for_status()
        except httpx2.TransportError:
            assert time.monotonic() < deadline, running.log()
            time.sleep(0.1)
        else:
            return


def link(spa: Service, kind: str) -> str:
    """The link of somebody's newest mail, at the port of the test."""
    mail = spa.mails("ada@example.com", kind=kind, at_least=1)[-1]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    found = re.search(r"http://127.0.0.1:8000(/#\w+=\S+)", text)
    assert found
    return spa.url + found.group(1)


def test_every_path_of_the_page_is_there(spa: Service) -> None:
    paths = set(re.findall(r'"(?:GET|POST)", ["`](/[\w/-]+)', (SPA / "index.html").read_text()))
    assert len(paths) >= 8
    assert paths <= httpx2.get(f"{spa.url}/openapi.json").json()["paths"].keys()


def test_no_token_is_in_an_answer(spa: Service) -> None:
    form = {"email": "ada@example.com", "password": PASSWORD}
    own = {"Sec-Fetch-Site": "same-origin"}
    with httpx2.Client(base_url=spa.url, headers=own) as http:
        assert http.get("/").headers["content-type"].startswith("text/html")
        assert http.post("/auth/register", json=form).status_code == 202
        http.post("/auth/email/verify", json={"token": link(spa, "verify_email").partition("=")[2]})
        assert http.post("/auth/login", json=form).json()["tokens"] is None
        assert http.post("/notes", params={"text": NOTE}).json() == [NOTE]
        foreign = http.post("/notes", params={"text": NOTE}, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.json()["code"] == "cross_site"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser on this machine")
def test_in_a_browser(spa: Service, tmp_path: Path) -> None:
    folder = tmp_path / "browser"
    folder.mkdir()

    def enter(password: str, button: str) -> str:
        return (
            f"(f => {{ f.email.value = 'ada@example.com'; f.password.value = {json.dumps(password)};"
            f" f.requestSubmit(f.querySelector('[value={button}]')) }})(document.getElementById('enter'))"
        )

    told = "document.getElementById('told').textContent.includes"
    with browser(folder) as page:
        page.open(spa.url)
        page.wait("document.getElementById('enter')?.hidden === false")
        page.run(enter("short", "register"))
        page.wait(f"{told}('password')")
        page.run(enter(PASSWORD, "register"))
        page.wait(f"{told}('Look into your mailbox')")
        page.open(link(spa, "verify_email"))
        page.wait(f"document.getElementById('told') && {told}('is confirmed')")
        assert page.run("location.hash") == ""
        page.run(enter(WRONG, "login"))
        page.wait(f"{told}('Incorrect')")
        page.run(enter(PASSWORD, "login"))
        page.wait("document.getElementById('inside').hidden === false")
        assert page.run("document.getElementById('who').textContent") == "ada@example.com"
        # Neither a script nor a store of the browser has what the session rests on.
        assert page.run("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
        page.run(f"(f => {{ f.text.value = {json.dumps(NOTE)}; f.requestSubmit() }})(document.getElementById('note'))")
        page.wait("document.querySelector('#notes li')")
        assert page.run("document.querySelector('#notes li').textContent") == NOTE
        page.open(spa.url)
        page.wait("document.getElementById('inside')?.hidden === false")
        page.run("document.getElementById('leave').click()")
        page.wait("document.getElementById('enter').hidden === false")
        page.run(enter(PASSWORD, "forgot"))
        page.wait(f"{told}('on its way')")
        page.open(link(spa, "reset_password"))
        page.wait("document.getElementById('reset')?.hidden === false")
        page.run(
            "(f => { f.password.value = 'eleven purple yaks'; f.requestSubmit() })(document.getElementById('reset'))"
        )
        page.wait(f"{told}('Sign in with it now')")
        page.run(enter("eleven purple yaks", "login"))
        page.wait("document.getElementById('inside').hidden === false")
