"""A WebSocket that can be closed at any time: neither its route nor its peer can delay that."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from fam_auth.demands import Demand
from fam_auth.values import Session

PATIENCE = 5.0
"""Seconds that a peer has to receive the close frame, and again as many to answer it."""
Result = TypeVar("Result")
log = logging.getLogger("fam_auth")


class WatchedSocket:
    """A WebSocket, with the session that opened it and the demands of its route.

    Its `receive` and `send` go through here, so that nothing is delivered in either direction once it is `shut`.
    `changed_at` and `judged_at` are times of the session cache's clock. `due` is when it must be checked again even if
    nothing has changed.
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
        # Replaced on the instance: receive_text(), accept(), close() and all other methods go through these two.
        socket.receive, socket.send = self.receive, self.send  # type: ignore[method-assign]

    async def receive(self) -> Message:
        """The next message of the peer. Once the socket is shut, a disconnect, whatever the peer still sends."""
        try:
            return await self._while_open(self._receive)
        except WebSocketDisconnect as end:
            self.socket.client_state = WebSocketState.DISCONNECTED
            return {"type": "websocket.disconnect", "code": end.code, "reason": ""}

    async def send(self, message: Message) -> None:
        """Send to the peer. Raises WebSocketDisconnect once the socket is shut, even while waiting for the peer."""
        await self._while_open(lambda: self._send(message))

    def shut(self, code: int) -> None:
        """Deliver nothing more, and wake whatever waits for the peer. `close` must follow."""
        self.code = code
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    async def close(self) -> None:
        """Tell the peer the close code or abort its connection, then let the route see the disconnect.

        In this order, because the server closes the connection without a code as soon as the route returns.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                # Starlette's close() would change the state, and the route would get a RuntimeError.
                await self.socket._send({"type": "websocket.close", "code": self.code, "reason": ""})  # noqa: SLF001
            self._over.set()
            # A peer that reads has answered by then. If it does not read, the frame is still in a buffer.
            await asyncio.sleep(PATIENCE)
        except Exception:  # a peer that was reset, one that does not read, a socket that has closed by itself
            log.debug("Could not close a WebSocket. Aborting its connection.", exc_info=True)
        finally:
            self._over.set()
            self._abort()

    async def _while_open(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """Run `act`. Raises WebSocketDisconnect once the socket is shut, but not before `close` has told the peer."""
        if self.code is None:
            wait = asyncio.timeout(None)
            self._waits.add(wait)
            try:
                async with wait:
                    return await act()
            except TimeoutError:
                if not wait.expired():  # a timeout of `act` itself, not of `shut`
                    raise
            finally:
                self._waits.discard(wait)
        await self._over.wait()
        raise WebSocketDisconnect(self.code or 1006)

    def _abort(self) -> None:
        """Abort the TCP connection, if the server's transport can be reached.

        ASGI has no abort, and uvicorn's close waits until the peer has read everything. With uvicorn, `receive` is a
        method of the object that holds the transport. Behind a middleware that replaces `receive`, the server itself
        must end the connection.
        """
        server = getattr(self.socket._receive, "__self__", None)  # noqa: SLF001 - there is no other way to it
        abort = getattr(getattr(server, "transport", None), "abort", None)
        if abort is not None:
            abort()
