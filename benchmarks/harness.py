"""Servers side by side and loads in turn: what differs between two of them is not the hour they were measured at."""

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
ENVIRONMENTS = HERE / ".environments"
SERVER = ("uvicorn", "uvloop", "httptools")
PASSWORD = "seventeen green llamas"
USERS = 16


@dataclass(frozen=True)
class Peer:
    """A package under measurement: its application, what it installs (None: this project), and how one signs in.

    `proof` makes of the answer to a sign-in the header that later requests bring. `is_variant`: another setting of the
    peer before it, which costs the same while others sign in. `is_built`: with Argon2 compiled for this processor.
    """

    name: str
    app: str
    packages: tuple[str, ...] | None
    revocable: str
    login: str | None = "/auth/login"
    me: str = "/me"
    register: str = "/auth/register"
    is_form: bool = False
    is_node: bool = False
    is_variant: bool = False
    is_built: bool = False
    proof: Callable[["Answer"], dict[str, str]] = lambda answer: bearer(answer.json()["access_token"])


@dataclass(frozen=True)
class Answer:
    """What a server has answered: the body, and the cookies in it by their names."""

    body: bytes
    cookies: dict[str, str]

    def json(self) -> dict[str, Any]:
        """What is in the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def bearer(token: str) -> dict[str, str]:
    """The header of an access token."""
    return {"Authorization": f"Bearer {token}"}


def by_cookies(answer: Answer) -> dict[str, str]:
    """The header of a browser."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}


BETTER_AUTH = ("better-auth@1.7.25", "@node-rs/argon2@2.2.1", "hono@4.13.19", "@hono/node-server@2.1.9", "pg@8.23.1")
FULLAUTH = ("fastapi-fullauth[sqlalchemy]==0.18.0", "asyncpg", *SERVER)
FASTAPI_USERS = ("fastapi-users[sqlalchemy]==15.0.5", "asyncpg", *SERVER)
PEERS = (
    Peer("FastAPI alone", "bare", ("fastapi", *SERVER), "-", login=None),
    Peer(
        "fam-auth",
        "fam_auth_app",
        None,
        "everywhere within 1 s",
        proof=lambda answer: bearer(answer.json()["tokens"]["access_token"]),
    ),
    Peer("fastapi-users, database", "fastapi_users_app", FASTAPI_USERS, "yes", is_form=True),
    Peer(
        "fastapi-users, JWT",
        "fastapi_users_app",
        FASTAPI_USERS,
        "no",
        "/jwt/login",
        "/jwt/me",
        is_form=True,
        is_variant=True,
    ),
    Peer("AuthX, JWT", "authx_app", ("authx==1.7.1", "argon2-cffi", *SERVER), "no"),
    Peer("fastapi-fullauth, JWT", "fullauth_app", FULLAUTH, "by one worker; by all with Redis"),
)
ON_NODE = (
    Peer(
        "better-auth, database",
        "better_auth_app",
        BETTER_AUTH,
        "yes",
        "/auth/sign-in/email",
        register="/auth/sign-up/email",
        is_node=True,
        proof=by_cookies,
    ),
    Peer(
        "better-auth, cookie cache",
        "better_auth_app",
        BETTER_AUTH,
        "once the cookie has expired",
        "/cached/sign-in/email",
        "/cached-me",
        "/cached/sign-up/email",
        is_node=True,
        is_variant=True,
        proof=by_cookies,
    ),
)
BUILT: tuple[Peer, ...] = ()
"""fam-auth as docs/hashing.md shows how to make it faster."""
if shutil.which("cc") and platform.machine() == "x86_64":
    BUILT = (replace(PEERS[1], name="fam-auth, Argon2 built for the processor", is_built=True),)
if shutil.which("node") and shutil.which("npm"):
    PEERS += ON_NODE
else:
    print("Without better-auth: node and npm are not there.", flush=True)


@dataclass
class Running:
    """A server of a peer, and what its last user shows to be who they are (nothing: nobody signs in)."""

    peer: Peer
    port: int
    process: subprocess.Popen[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    results: dict[str, list[float]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def body(self, number: int) -> tuple[str, str]:
        """What one of the users signs in with: media type and content."""
        email = address(number)
        if self.peer.is_form:
            secret = PASSWORD.replace(" ", "+")
            return "application/x-www-form-urlencoded", f"username={email.replace('@', '%40')}&password={secret}"
        return "application/json", json.dumps({"email": email, "password": PASSWORD})


def address(number: int) -> str:
    """The address of one of the users that every peer has."""
    return f"user{number}@example.com"


@contextmanager
def servers(peers: Sequence[Peer], *, populated: bool = True) -> Iterator[list[Running]]:
    """All of them at once, on one PostgreSQL, each with its users; Linux gives an idle one no time."""
    sys.path.insert(0, str(ROOT))
    from tests.support import postgres  # noqa: PLC0415 - needs the path above

    with ExitStack() as stack:
        url = stack.enter_context(postgres.scratch(fsync="on")).url
        running = [
            stack.enter_context(_served(peer, postgres.create_database(url, f"bench_{number}")))
            for number, peer in enumerate(peers)
        ]
        if populated:
            for one in running:
                populate(one)
        yield running


@contextmanager
def _served(peer: Peer, database: str) -> Iterator[Running]:
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "BENCH_PORT": str(port),
            "BENCH_DATABASE": database.replace("+psycopg", "+asyncpg"),
            "FAM_AUTH_DATABASE": database,
            "FAM_AUTH_SECRETS": "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2",
            "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
            "FAM_AUTH_MAIL": f"file://{folder}/mails",
            "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "100000/1h",
            "NODE_ENV": "production",
        }
        if peer.is_built:
            environment["PYTHONPATH"] = str(built_argon2())
        if peer.packages is None:
            migrate = [Path(sys.executable).parent / "fam-auth", "migrate"]
            subprocess.run(migrate, env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        command = _on_node(peer) if peer.is_node else _on_uvicorn(peer, port)
        process = subprocess.Popen(command, env=environment, cwd=folder)
        try:
            _wait(port)
            yield Running(peer, port, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _on_uvicorn(peer: Peer, port: int) -> list[str | Path]:
    """The command of a peer in Python, with the interpreter of its own environment."""
    python = Path(sys.executable) if peer.packages is None else _made(peer, _by_pip) / "bin" / "python"
    return [python, HERE / "peers" / "serve.py", peer.app, str(port)]


def _on_node(peer: Peer) -> list[str | Path]:
    """The command of a peer in JavaScript; it finds its packages beside itself, so it is copied there."""
    program = shutil.copy(HERE / "peers" / f"{peer.app}.mjs", _made(peer, _by_npm))
    return ["node", program]


def _made(peer: Peer, build: Callable[[Path, Sequence[str]], None]) -> Path:
    """The environment of a peer, built when it is not there yet or has other packages."""
    place, packages = ENVIRONMENTS / peer.app, peer.packages or ()
    done = place / "done"
    if not done.exists() or done.read_text() != "\n".join(packages):
        print(f"Installing {peer.app} ...", flush=True)
        build(place, packages)
        done.write_text("\n".join(packages))
    return place


def _by_pip(place: Path, packages: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "-q", *packages], check=True)


def _by_npm(place: Path, packages: Sequence[str]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"private": true}\n')
    npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm, *packages], cwd=place, check=True)


def built_argon2() -> Path:
    """Where the bindings of Argon2 are that are compiled for this processor, built when they are not there yet."""
    place = ENVIRONMENTS / "argon2"
    if not (place / "done").exists():
        print("Compiling argon2-cffi-bindings ...", flush=True)
        package = "argon2-cffi-bindings"
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", place, "--no-binary", package, package]
        subprocess.run(pip, env={**os.environ, "CFLAGS": "-O3 -march=x86-64-v3"}, check=True)
        (place / "done").touch()
    return place


def populate(one: Running) -> None:
    """It has its users, and one who stays signed in while the others sign in again and again."""
    for number in range(USERS + 1 if one.peer.login else 0):
        content = json.dumps({"email": address(number), "password": PASSWORD, "name": "Ada"})
        post(one.url + one.peer.register, "application/json", content)
    sign_in(one)


def sign_in(one: Running) -> None:
    """Its user has a fresh token: some live for five minutes. Who asks for none is sent as many bytes."""
    if one.peer.login is None:
        one.headers = bearer("x" * 56)
    else:
        one.headers = one.peer.proof(post(one.url + one.peer.login, *one.body(USERS)))


def post(url: str, media_type: str, content: str) -> Answer:
    """What is answered."""
    request = urllib.request.Request(url, content.encode(), {"Content-Type": media_type})
    with urllib.request.urlopen(request) as answer:
        cookies = SimpleCookie("; ".join(answer.headers.get_all("Set-Cookie") or ()))
        return Answer(answer.read(), {name: morsel.coded_value for name, morsel in cookies.items()})


def wrk(one: Running, connections: int, seconds: float) -> float:
    """Signed-in requests a second. Raises RuntimeError when any was refused."""
    headers = [part for name, value in one.headers.items() for part in ("-H", f"{name}: {value}")]
    return _rate(["-t1", f"-c{connections}", f"-d{seconds:g}s", *headers, one.url + one.peer.me])


POLITE = """
local waits = {}
response = function(status, headers)
  if status == 503 then waits[#waits + 1] = tonumber(headers["retry-after"]) * 1000 + math.random(500) end
end
delay = function() return table.remove(waits) or 0 end
"""
"""Whoever is told when to come back does so then, and not all at the same moment."""


def wrk_logins(one: Running, connections: int, seconds: float, folder: Path) -> float:
    """Sign-ins a second, of all users in turn."""
    assert one.peer.login is not None
    media_type = one.body(0)[0]
    bodies = ",".join(json.dumps(one.body(number)[1]) for number in range(USERS))
    script = folder / f"{one.port}.lua"
    script.write_text(
        f"wrk.method='POST' wrk.headers['Content-Type']='{media_type}' local b={{{bodies}}} local n=0\n"
        "request=function() n=n+1 return wrk.format(nil,nil,nil,b[n%#b+1]) end\n" + POLITE
    )
    return _rate(["-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), one.url + one.peer.login])


def _rate(arguments: list[str]) -> float:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    printed = subprocess.run(["wrk", *arguments], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed:
        raise RuntimeError(printed)
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert found
    return float(found[1])


def spread(values: Sequence[float], shape: str = ".2f") -> str:
    """The median, with the least and the most."""
    return f"{median(values):{shape}} ({min(values):{shape}}-{max(values):{shape}})"


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server does not start")
