"""A WebSocket that ends when it must: neither its route nor its peer can delay that."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from fam_auth.demands import Demand
from fam_auth.values import Session

PATIENCE = 5.0
"""So many seconds a peer has to take the close frame, and as many again to answer it."""
Result = TypeVar("Result")
log = logging.getLogger("fam_auth")


class WatchedSocket:
    """A WebSocket, and the session and demands that it rests on.

    Its `receive` and `send` go through here, so that nothing is delivered in either direction once it is `shut`.
    `changed_at` and `judged_at` are moments of the memory's clock; at `due` time alone may end what it rests on.
    """

    def __init__(self, socket: WebSocket, session: Session, demands: tuple[Demand, ...]) -> None:
        self.socket, self.session, self.demands = socket, session, demands
        self.due = session.expires_at
        self.changed_at, self.judged_at = float("-inf"), 0.0
        self.is_stale = False
        self.code: int | None = None
        self._over = asyncio.Event()
        self._waits: set[asyncio.Timeout] = set()
        self._receive, self._send = socket.receive, socket.send
        # On the instance: receive_text(), accept(), close() and all others go through these two.
        socket.receive, socket.send = self.receive, self.send  # type: ignore[method-assign]

    async def receive(self) -> Message:
        """What the peer sends. Once the socket is shut: a disconnect, whatever the peer still sends."""
        try:
            return await self._while_open(self._receive)
        except WebSocketDisconnect as end:
            self.socket.client_state = WebSocketState.DISCONNECTED
            return {"type": "websocket.disconnect", "code": end.code, "reason": ""}

    async def send(self, message: Message) -> None:
        """Sends to the peer. Raises WebSocketDisconnect once the socket is shut, also while it waits for the peer."""
        await self._while_open(lambda: self._send(message))

    def shut(self, code: int) -> None:
        """From now on nothing is delivered, and what waits for the peer stops waiting; `close` must follow."""
        self.code = code
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    async def close(self) -> None:
        """The peer has been told why, or its connection is aborted; the route is told after that.

        Not before: the server closes the connection without a code as soon as the route returns.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                # Starlette's own close() would have the route told of a wrong state (RuntimeError).
                await self.socket._send({"type": "websocket.close", "code": self.code, "reason": ""})  # noqa: SLF001
            self._over.set()
            # A peer that reads has answered by then. For one that does not, the frame waits in a buffer.
            await asyncio.sleep(PATIENCE)
        except Exception:  # a peer that was reset, one that does not read, a socket that has closed by itself
            log.debug("Could not close a WebSocket. Aborting its connection.", exc_info=True)
        finally:
            self._over.set()
            self._abort()

    async def _while_open(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """Raises WebSocketDisconnect once the socket is shut, and not before its close was tried."""
        if self.code is None:
            wait = asyncio.timeout(None)
            self._waits.add(wait)
            try:
                async with wait:
                    return await act()
            except TimeoutError:
                if not wait.expired():
                    raise
            finally:
                self._waits.discard(wait)
        await self._over.wait()
        raise WebSocketDisconnect(self.code or 1006)

    def _abort(self) -> None:
        """The connection is gone, with what the peer did not read, where the server can be reached.

        ASGI knows no abort, and uvicorn's close waits until the peer has read everything. Its `receive` is a method of
        the object that has the transport; behind a middleware that replaces it the server must end the connection.
        """
        server = getattr(self.socket._receive, "__self__", None)  # noqa: SLF001 - there is no other way to it
        abort = getattr(getattr(server, "transport", None), "abort", None)
        if abort is not None:
            abort()
