"""A developer's first minute: an empty directory, no settings, real servers, and two of them at once."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.people import PASSWORD
from tests.support.service import free_port

HOST = """
from fastapi import FastAPI, WebSocket
from fam_auth import Auth, CurrentUser, install
from fam_auth.features.password import Password

auth = Auth(features=[Password()], email_verification=False)
app = FastAPI()
install(app, auth)

@app.websocket("/socket")
async def socket(websocket: WebSocket, user: CurrentUser) -> None:
    await websocket.accept()
    await websocket.send_text(user.email)
"""
BODY = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """The directory and the addresses of two processes that began at the same moment."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "host.py").write_text(HOST)
    with ExitStack() as stack:
        one, other = stack.enter_context(server(folder)), stack.enter_context(server(folder))
        for url in (one, other):
            wait(url, folder)
        yield folder, one, other


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server that has been started, and may not answer yet."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "host:app", "--port", str(port)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FAM_AUTH_")}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=plain, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait(url: str, folder: Path) -> None:
    """It answers. Raises AssertionError with the log when it does not within 20 seconds."""
    for _ in range(200):
        try:
            assert httpx2.get(f"{url}/auth/health/ready").status_code == 200
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError((folder / "log").read_text())


def test_two_processes_share_one_database_and_one_secret(servers: tuple[Path, str, str]) -> None:
    folder, one, other = servers
    tokens = httpx2.post(f"{one}/auth/register", json=BODY).json()["tokens"]
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx2.get(f"{other}/auth/me", headers=header).json()["email"] == "ada@example.com"
    secret = folder / "fam_auth.db.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text() not in (folder / "log").read_text()
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in folder.glob("fam_auth*")} == {
        "fam_auth.db",
        secret.name,
    }


def test_a_real_socket(servers: tuple[Path, str, str]) -> None:
    _, one, _ = servers
    address = f"{one}/socket".replace("http", "ws", 1)
    tokens = httpx2.post(f"{one}/auth/register", json={**BODY, "email": "bob@example.com"}).json()["tokens"]
    with connect(address, additional_headers={"Authorization": f"Bearer {tokens['access_token']}"}) as socket:
        assert socket.recv() == "bob@example.com"
    with pytest.raises(InvalidStatus) as denied:
        connect(address)
    assert denied.value.response.status_code == 401
    assert denied.value.response.headers["Content-Type"] == "application/problem+json"
