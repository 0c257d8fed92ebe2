"""An endpoint of somebody else: a real HTTP server on loopback that says what it is told to say."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import wait_for


@dataclass
class Got:
    """One request: its headers by small names, and its body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """The few lines that every receiver has, written without a look at ours."""
        key = base64.b64decode(secret[len("whsec_") :])
        text = self.headers["webhook-id"] + "." + self.headers["webhook-timestamp"] + "." + self.body.decode()
        wanted = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        return ("v1," + wanted) in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """What came, and what is answered: statuses in their order, the last one from then on."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [204])
    location: str | None = None
    hangs: threading.Event = field(default_factory=threading.Event)
    """While it is clear, nothing is answered."""

    def wait(self, count: int, seconds: float = 20) -> None:
        """Waits until so many requests have come."""
        wait_for(self.got, count, seconds)


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listens on a port of 127.0.0.1."""
    receiving = Receiver()
    receiving.hangs.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiving.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            receiving.hangs.wait(30)
            statuses = receiving.statuses
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            if receiving.location:
                self.send_header("Location", receiving.location)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Whoever hangs up early is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiving.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hooks"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiving
    finally:
        receiving.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
