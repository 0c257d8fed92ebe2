"""A host on a real socket in this process: a test sees the server's side of a WebSocket, and its peer may misbehave."""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from fam_auth import Auth, Proof
from fam_auth.pipeline import Progress
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.values import Client, Kind, Session, User


@dataclass
class Site:
    """A running host, its Auth and its server."""

    auth: Auth
    server: uvicorn.Server
    port: int

    @property
    def connections(self) -> int:
        """How many connections the server has."""
        return len(self.server.server_state.connections)

    async def user(self, email: str = "ada@example.com") -> User:
        """A user with this address."""
        return await users.create(self.auth, email, verified=True)

    async def session(self, user: User, *methods: str) -> tuple[Session, str]:
        """A session that rests on these methods, by default the password, and its access token."""
        kinds = {"password": Kind.KNOWLEDGE, "otp": Kind.POSSESSION}
        proofs = tuple(Proof(method, kinds[method], self.auth.now()) for method in methods or ("password",))
        async with self.auth.transaction() as db:
            claims = await sessions.claims_of(self.auth, db, user)
            complete = await sessions.start(self.auth, db, Progress(user, proofs, "bearer", Client()), claims)
        assert complete.tokens
        return complete.session, complete.tokens.access_token

    def open(self, path: str, token: str) -> connect:
        """A peer that behaves, to be awaited or entered."""
        header = {"Authorization": f"Bearer {token}"}
        return connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=header, open_timeout=20)

    async def opened(self, path: str, token: str, *, many: int) -> list[ClientConnection]:
        """So many peers that behave."""
        return [await self.open(path, token) for _ in range(many)]

    async def raw(self, path: str, token: str) -> socket.socket:
        """A peer that has shaken hands, and does nothing by itself; it takes little before the server must wait."""
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", self.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {token}", "", ""]
        await loop.sock_sendall(peer, "\r\n".join(lines).encode())
        assert (await loop.sock_recv(peer, 12)) == b"HTTP/1.1 101"
        return peer


def reset(peer: socket.socket) -> None:
    """The connection ends with a reset (RST), as after a crash."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def drained(peer: socket.socket, seconds: float = 5) -> bytes:
    """What was on its way to a peer, until the end; raises TimeoutError while the connection stays open."""
    found, loop = b"", asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        try:
            while chunk := await loop.sock_recv(peer, 65536):
                found += chunk
        except ConnectionResetError:
            pass
    return found


async def codes(peers: Sequence[ClientConnection], seconds: float = 5) -> list[int | None]:
    """With which code each of these ends."""
    async with asyncio.timeout(seconds):
        for peer in peers:
            with suppress(ConnectionClosed):
                while True:
                    await peer.recv()
    return [peer.close_code for peer in peers]


@asynccontextmanager
async def site(app: ASGIApp, auth: Auth, **options: object) -> AsyncIterator[Site]:
    """The application runs on a socket, its lifespan with it; further keywords are uvicorn's."""
    given: dict[str, object] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 1, **options}
    server = uvicorn.Server(uvicorn.Config(app, **given))  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
        yield Site(auth, server, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
