"""The nginx of the page "Run behind a proxy" in front of two services, as it is printed."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.people import PASSWORD
from tests.support.service import Service, free_port, service

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text()
[BLOCK] = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
AROUND = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; user root;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{block} }}
"""
HOST = "app.example.com"
CLIENT = "127.0.0.2"
SETTINGS: dict[str, Any] = {
    "FAM_AUTH_PUBLIC_URL": f"https://{HOST}",
    "FAM_AUTH_TRUSTED_PROXIES": "127.0.0.1/32",
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="needs nginx")]


@pytest.fixture
def services(tmp_path: Path, postgres_database: str) -> Iterator[list[Service]]:
    """Two machines on one database."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        yield [stack.enter_context(service(folder, postgres_database, **SETTINGS)) for folder in folders]


@pytest.fixture
def proxy(tmp_path: Path, services: list[Service]) -> Iterator[str]:
    """The address of an nginx with the block of the page, which ends TLS."""
    certify(tmp_path)
    port = free_port()
    block = BLOCK.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;\nssl_certificate {tmp_path}/certificate;")
    block = block.replace("server_name", f"ssl_certificate_key {tmp_path}/key;\nserver_name")
    for printed, one in zip(("127.0.0.1:8000", "127.0.0.1:8001"), services, strict=True):
        block = block.replace(printed, one.url.removeprefix("http://"))
    (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, block=block))
    command = [str(NGINX), "-e", f"{tmp_path}/error.log", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        wait(f"https://127.0.0.1:{port}", process, tmp_path / "error.log")
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def certify(folder: Path) -> None:
    """A certificate of our own for the host, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    now = datetime.now(UTC)
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    encoding = serialization.Encoding.PEM
    (folder / "certificate").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(encoding))
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(encoding, kind, plain))


def wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the proxy answers."""
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            if httpx2.get(f"{url}/auth/health/ready", verify=False, headers={"Host": HOST}).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_browser_signs_in_through_it(proxy: str) -> None:
    transport = httpx2.HTTPTransport(verify=False, local_address=CLIENT)
    said = {"Host": HOST, "Origin": f"https://{HOST}", "X-Forwarded-For": "203.0.113.9"}
    with httpx2.Client(base_url=proxy, transport=transport, headers=said) as http:
        body = {"email": "ada@example.com", "password": PASSWORD, "transport": "cookie"}
        answer = http.post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-fam_session=")]
        assert "Secure" in cookie
        signed_in = {"Cookie": cookie.partition(";")[0]}
        # Both services know the session, whichever of them is asked.
        assert {http.get("/auth/me", headers=signed_in).status_code for _ in range(4)} == {200}
        events = http.get("/auth/events", headers=signed_in).json()["items"]
        # What the client claims of itself is no address; the proxy's word is.
        assert {event["address"] for event in events} == {CLIENT}
        refused = http.post("/auth/logout", headers={**signed_in, "Origin": "https://evil.example"})
        assert refused.json()["code"] == "cross_site"
        too_much = http.post("/auth/login", content=b"x" * 70_000, headers={"Content-Type": "application/json"})
        assert too_much.status_code == 413


def test_one_that_stops_is_passed_over(proxy: str, services: list[Service]) -> None:
    services[0].process.terminate()
    services[0].process.wait(20)
    with httpx2.Client(base_url=proxy, verify=False, headers={"Host": HOST}) as http:
        assert {http.get("/auth/config").status_code for _ in range(6)} == {200}
