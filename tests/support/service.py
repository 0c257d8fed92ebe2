"""The standalone service as real processes, and the mails it writes."""

import email
import email.policy
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx2


@dataclass
class Service:
    """A running service: its address, its folder with log and mails, its process."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text()

    def mails(self, recipient: str, *, at_least: int = 0, kind: str | None = None) -> list[EmailMessage]:
        """The mails to somebody, of one kind or of all, oldest first; waits up to ten seconds for as many."""
        deadline = time.monotonic() + 10
        while True:
            contents = [file.read_bytes() for file in sorted((self.folder / "mails").glob("*.eml"))]
            # To look for the address before it is read makes a race of five rounds six seconds shorter.
            maybe = [content for content in contents if recipient.encode() in content]
            parsed = [email.message_from_bytes(content, policy=email.policy.default) for content in maybe]
            theirs = [mail for mail in parsed if mail["To"] == recipient and isinstance(mail, EmailMessage)]
            found = [mail for mail in theirs if kind in {None, mail["X-Fam-Auth-Kind"]}]
            if len(found) >= at_least or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@contextmanager
def service(
    folder: Path,
    database: str,
    *,
    workers: int = 1,
    log: int | None = None,
    port: int | None = None,
    **environment: str,
) -> Iterator[Service]:
    """The service in the profile of production, with mails in files; further keywords are variables.

    `log` is the descriptor that it writes its log to; None: a file. `port` None: any that is free.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "fam_auth.cli", "serve", "--port", str(port), "--workers", str(workers)]
    with (folder / "log").open("ab") as file:
        sink = file if log is None else log
        process = subprocess.Popen(
            command, cwd=folder, env=variables(folder, database, **environment), stdout=sink, stderr=sink
        )
        running = Service(f"http://127.0.0.1:{port}", folder, process)
        try:
            _wait(running)
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def variables(folder: Path, database: str, **environment: str) -> dict[str, str]:
    """The environment of the service and of its commands."""
    return {
        "PATH": os.environ["PATH"],
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
        "FAM_AUTH_DATABASE": database,
        "FAM_AUTH_PROFILE": "production",
        "FAM_AUTH_SECRETS": "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2",
        "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
        "FAM_AUTH_MAIL": f"file://{folder}/mails",
        **environment,
    }


def _wait(running: Service) -> None:
    deadline = time.monotonic() + 90
    # To make ready for TLS with every question would take longer than what is waited for.
    with httpx2.Client(verify=False) as asking:
        while time.monotonic() < deadline and running.process.poll() is None:
            try:
                if asking.get(f"{running.url}/auth/health/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.05)
    raise RuntimeError(f"the service does not start: {running.log()}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
