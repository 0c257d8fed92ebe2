"""The production example, as far as it runs here: nginx before the service, the unit, the image's commands."""

import importlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import SECRETS
from tests.support import postgres
from tests.support import wheel as wheels
from tests.support.examples import EXAMPLES
from tests.support.people import PASSWORD
from tests.support.service import Service, free_port, service
from tests.support.tls import certify
from tests.support.wheel import Environment

PRODUCTION = EXAMPLES / "production"
NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
NAME = "auth.example.com"
FORM = {"email": "ada@example.com", "password": PASSWORD}


@contextmanager
def nginx(folder: Path, service_port: int) -> Iterator[tuple[int, int]]:
    """Nginx with the configuration of the example, at two other ports, with a certificate of the test."""
    certify(folder, NAME)
    plain, tls = free_port(), free_port()
    site = (PRODUCTION / "nginx.conf").read_text()
    for theirs, ours in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{tls} ssl;",
        "server auth:8000;": f"server 127.0.0.1:{service_port};",
        "/etc/nginx/certs/": f"{folder}/",
    }.items():
        assert theirs in site
        site = site.replace(theirs, ours)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    http = f"access_log {folder}/access.log; {temporary}\n{site}"
    whole = f"pid {folder}/pid; error_log {folder}/error.log; daemon off;\nevents {{}}\nhttp {{ {http} }}"
    (folder / "nginx.conf").write_text(whole)
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield plain, tls
        finally:
            process.send_signal(signal.SIGQUIT)


def client(folder: Path, port: int, address: str = "127.0.0.5") -> httpx2.Client:
    """A client with an address of its own, which believes the certificate of the test."""
    context = ssl.create_default_context(cafile=folder / "fullchain.pem")
    transport = httpx2.HTTPTransport(verify=context, local_address=address, retries=20)
    headers = {"Host": NAME}
    return httpx2.Client(transport=transport, base_url=f"https://127.0.0.1:{port}", headers=headers)


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")
def test_behind_nginx(sqlite_database: str, tmp_path: Path) -> None:
    (tmp_path / "nginx").mkdir()
    trusted: dict[str, Any] = {"FAM_AUTH_TRUSTED_PROXIES": "127.0.0.1/32", "FAM_AUTH_PUBLIC_URL": f"https://{NAME}"}
    with (
        service(tmp_path, sqlite_database, **trusted) as running,
        nginx(tmp_path / "nginx", int(running.url.rpartition(":")[2])) as (plain, tls),
    ):
        story(running, tmp_path / "nginx", plain, tls)


def story(running: Service, folder: Path, plain: int, tls: int) -> None:
    with client(folder, tls) as http:
        sni = {"sni_hostname": NAME}
        forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
        answer = http.post("/auth/register", json=FORM, headers=forged, extensions=sni)
        assert answer.status_code == 202
        assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
        assert answer.headers["server"] == "nginx"
        [mail] = running.mails("ada@example.com", at_least=1)
        body = mail.get_body(("plain",))
        assert body
        token = re.search(rf"https://{NAME}/auth/verify-email#token=(\S+)", body.get_content())
        assert token
        verified = http.post(
            "/auth/email/verify", json={"token": token.group(1), "password": FORM["password"]}, extensions=sni
        )
        assert verified.status_code == 200
        # A cookie with the prefix __Host- goes over TLS alone, and comes back through the proxy.
        http.post("/auth/login", json={**FORM, "transport": "cookie"}, extensions=sni)
        assert http.get("/auth/me", extensions=sni).json()["email"] == "ada@example.com"
        # The address is the one that nginx saw, whatever the client says.
        seen = http.get("/auth/events", extensions=sni).json()["items"]
        assert {event["address"] for event in seen} == {"127.0.0.5"}
        assert http.post("/auth/login", content=b" " * 70_000, extensions=sni).status_code == 413
    moved = httpx2.get(f"http://127.0.0.1:{plain}/auth/me", headers={"Host": NAME})
    assert (moved.status_code, moved.headers["location"]) == (308, f"https://{NAME}/auth/me")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd on this machine")
def test_the_unit_is_sound(tmp_path: Path) -> None:
    unit = (PRODUCTION / "fam-auth.service").read_text()
    assert unit.count("/opt/fam-auth/bin/fam-auth ") == 2
    program = Path(sys.executable).with_name("fam-auth")
    (tmp_path / "fam-auth.service").write_text(unit.replace("/opt/fam-auth/bin/fam-auth", str(program)))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "fam-auth.service")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = importlib.import_module("yaml").safe_load((PRODUCTION / "compose.yaml").read_text())
    return loaded


def with_secrets(folder: Path, database: str) -> dict[str, str]:
    """The environment of the containers; its secrets are files, as there."""
    (folder / "secrets").mkdir()
    named = {"fam_auth_database": database, "fam_auth_secrets": SECRETS, "fam_auth_mail": f"file://{folder}/mails"}
    assert named.keys() < compose()["secrets"].keys()
    for name, value in named.items():
        (folder / "secrets" / name).write_text(f"{value}\n")
    given: dict[str, str] = compose()["services"]["auth"]["environment"]
    assert given["FAM_AUTH_SECRETS_DIR"] == "/run/secrets"
    return {**given, "FAM_AUTH_SECRETS_DIR": str(folder / "secrets")}


def test_the_settings_of_the_containers_are_good(database: str, tmp_path: Path) -> None:
    variables = {**with_secrets(tmp_path, database), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "fam_auth.cli", "doctor", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["found"] for row in json.loads(done.stdout)} == {"fine"}


def test_the_settings_of_the_unit_are_those_of_the_containers() -> None:
    lines = [line for line in (PRODUCTION / "settings").read_text().splitlines() if not line.startswith("#")]
    given = compose()["services"]["auth"]["environment"]
    own = {"FAM_AUTH_PROFILE", "FAM_AUTH_SECRETS_DIR"}
    assert {line.partition("=")[0] for line in lines} == given.keys() - own


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = f"test_{uuid4().hex}"
    yield postgres.create_database(postgres_server, name)
    postgres.drop_database(postgres_server, name)


@pytest.mark.slow
def test_the_commands_of_the_image(empty_postgres: str, tmp_path: Path) -> None:
    """In an empty environment in the image's place: install, migrate, serve, and the check of its health."""
    steps = (PRODUCTION / "Dockerfile").read_text()
    [extras] = re.findall(r'RUN /opt/fam-auth/bin/pip install --no-cache-dir "fam-auth\[([\w,]+)\]"', steps)
    environment = Environment(tmp_path / "venv")
    environment.install(f"{wheels.build(tmp_path)}[{extras}]")
    variables = with_secrets(tmp_path, empty_postgres)
    [migrate, serve] = [
        compose()["services"]["migrate"]["command"],
        json.loads(re.findall(r"^CMD (.*)$", steps, re.MULTILINE)[0]),
    ]
    environment.run(*migrate, cwd=tmp_path, **variables)
    with environment.serving(*serve, cwd=tmp_path, **variables) as url:
        assert httpx2.post(f"{url}/auth/register", json=FORM).status_code == 202
        [health] = re.findall(r"^HEALTHCHECK .* CMD (.*)$", steps, re.MULTILINE)
        program, *arguments = json.loads(health.replace("http://127.0.0.1:8000", url))
        environment.run(program, *arguments, cwd=tmp_path)
        deadline = time.monotonic() + 10
        while not list((tmp_path / "mails").glob("*.eml")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
