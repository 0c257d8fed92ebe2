"""Real programs that stand in the middle: haproxy before the workers, pgbouncer before the database."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from sqlalchemy import make_url

from tests.support.postgres import as_nobody
from tests.support.service import free_port

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
HAPROXY = """
defaults
  mode http
  option forwardfor
  option redispatch 1
  retries 3
  timeout connect 1s
  timeout check 2s
  timeout client 20s
  timeout server 20s
frontend people
  bind 127.0.0.1:{port}
  default_backend workers
backend workers
  balance leastconn
  option httpchk GET /auth/health/ready
  default-server check inter 250ms fall 1 rise 1
{workers}
"""
PGBOUNCER = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
logfile = {folder}/log
pidfile = {folder}/pid
"""


def installed(program: str) -> str | None:
    """Where a program is; None when it is not there."""
    return shutil.which(program, path=PATH)


@contextmanager
def haproxy(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """The address of a proxy that spreads requests over workers on these ports, those that are ready."""
    port = free_port()
    workers = "\n".join(f"  server worker{number} 127.0.0.1:{number}" for number in ports)
    file = folder / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, workers=workers))
    with _running([_found("haproxy"), "-db", "-f", str(file)], folder / "haproxy.log"):
        url = f"http://127.0.0.1:{port}"
        _until(lambda: httpx2.get(f"{url}/auth/health/ready").status_code == 200)
        yield url


@contextmanager
def pgbouncer(database: str, *, size: int = 8, more: str = "") -> Iterator[str]:
    """The URL of the same database through a pooler in transaction mode with so many connections to the server."""
    url, port = make_url(database), free_port()
    with tempfile.TemporaryDirectory(prefix="fam-auth-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "users").write_text(f'"{url.username}" ""\n')
        file = folder / "pgbouncer.ini"
        file.write_text(PGBOUNCER.format(server=url.port, port=port, folder=folder, size=size) + more)
        through = url.set(port=port)
        with _running([_found("pgbouncer"), str(file)], folder / "out", **as_nobody()):
            plain = through.set(drivername="postgresql").render_as_string(hide_password=False)
            _until(lambda: _answers(plain))
            yield through.render_as_string(hide_password=False)


@contextmanager
def _running(command: list[str], log: Path, **owner: Any) -> Iterator[None]:
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, **owner)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(database: str) -> bool:
    psycopg.connect(database).close()
    return True


def _found(program: str) -> str:
    found = installed(program)
    if found is None:
        raise RuntimeError(f"{program} is not there: install Debian's package {program}.")
    return found


def _until(works: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with suppress(httpx2.HTTPError, psycopg.OperationalError):
            if works():
                return
        time.sleep(0.1)
    raise RuntimeError("what stands in the middle does not answer")
