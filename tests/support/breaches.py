"""A range API of somebody else: a real HTTP server on loopback that knows a few passwords, and misbehaves on demand."""

import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import wait_for

# Lines that every range has beside those of the passwords: of somebody else's, and made up.
OTHERS = [f"{number:035X}:{number}" for number in range(800)]
PAUSE = 0.05


@dataclass
class Asked:
    """One question: its path, and its headers by small names."""

    path: str
    headers: Mapping[str, str]


@dataclass
class RangeApi:
    """Who was asked, and what is answered: the counts of some passwords, or what `misbehaves` does."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    misbehaves: "Callable[[RangeApi, BaseHTTPRequestHandler], None] | None" = None
    is_over: threading.Event = field(default_factory=threading.Event)

    def wait(self, count: int, seconds: float = 20) -> None:
        """Waits until so many have asked."""
        wait_for(self.asked, count, seconds)

    def lines(self, beginning: str) -> bytes:
        """The range, written without a look at ours: CRLF between the lines and none behind the last."""
        own = [(hashlib.sha1(known.encode()).hexdigest().upper(), count) for known, count in self.counts.items()]  # noqa: S324
        found = [f"{digest[5:]}:{count}" for digest, count in own if digest.startswith(beginning)]
        return "\r\n".join([*OTHERS[:400], *found, *OTHERS[400:]]).encode()


def hangs(api: RangeApi, _: BaseHTTPRequestHandler) -> None:
    api.is_over.wait(30)


def drips(api: RangeApi, handler: BaseHTTPRequestHandler) -> None:
    """Sends a byte of what would be a range every now and then."""
    handler.send_response(200)
    handler.end_headers()
    for byte in api.lines("00000"):
        handler.wfile.write(bytes([byte]))
        if api.is_over.wait(PAUSE):
            break


def drips_headers(api: RangeApi, handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not api.is_over.wait(PAUSE):
        handler.wfile.write(b"X-More: 1\r\n")


def never_ends(api: RangeApi, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not api.is_over.is_set():
        handler.wfile.write(api.lines("00000") + b"\r\n")


def says(status: int, body: bytes = b"", **headers: str) -> "Callable[[RangeApi, BaseHTTPRequestHandler], None]":
    """Answers with this, and nothing else."""

    def answering(api: RangeApi, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answering


@contextmanager
def range_api(tls: ssl.SSLContext | None = None) -> Iterator[RangeApi]:
    """Listens on a port of 127.0.0.1, under the name localhost."""
    api = RangeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}))
            if api.misbehaves is not None:
                api.misbehaves(api, self)
            else:
                says(200, api.lines(self.path.rpartition("/")[2]))(api, self)

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        request_queue_size = 100

        def handle_error(self, *_: Any) -> None:
            """Whoever hangs up early is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    api.url = f"{'https' if tls else 'http'}://localhost:{server.server_port}/range"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        api.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
