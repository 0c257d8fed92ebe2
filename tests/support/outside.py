"""An application on a real socket, so that the attacks come from outside and over HTTP alone (`make attack`)."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

import httpx2
import uvicorn
from fastapi import FastAPI

OVER_HTTP = bool(os.environ.get("FAM_AUTH_TEST_OVER_HTTP"))


class Socket(httpx2.AsyncBaseTransport):
    """Whatever the address is, the request goes to one port of this machine, with the headers it would have had."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        sent = httpx2.Request(request.method, url, headers=request.headers, extensions=request.extensions)
        sent.stream = request.stream
        return await self.inner.handle_async_request(sent)

    async def aclose(self) -> None:
        await self.inner.aclose()


async def way_to(app: FastAPI, stack: AsyncExitStack) -> httpx2.AsyncBaseTransport:
    """How clients reach the application: within the process, or by a socket that is open as long as the stack."""
    if not OVER_HTTP:
        return httpx2.ASGITransport(app)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))

    async def stop() -> None:
        server.should_exit = server.force_exit = True
        await serving

    stack.push_async_callback(stop)
    return Socket(listener.getsockname()[1])
