"""fam-auth as a standalone service: `fam_auth.main:app`, configured by FAM_AUTH_* environment variables."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import FrameType

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fam_auth import __version__
from fam_auth.auth import Auth
from fam_auth.core import hosts, logs
from fam_auth.exceptions import UnknownHost
from fam_auth.http import problems
from fam_auth.install import install


class StrictTransport:
    """Adds Strict-Transport-Security to every response (RFC 6797). An application that embeds us decides for itself."""

    HEADER = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self.HEADER]
            await send(message)

        await self.app(scope, receive, sending)


class KnownHosts:
    """Refuses requests whose Host header names another host (RFC 9110, 7.4). Localhost and the own address are allowed.

    Health checks are answered under any name, because some load balancers send none.
    """

    HERE = ("localhost", "127.0.0.1", "::1")

    def __init__(self, app: ASGIApp, names: Collection[str], health: str) -> None:
        known = map(hosts.canonical, (*names, *self.HERE))
        self.app, self.names, self.health = app, set(filter(None, known)), health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(self.health) or self._is_known(scope):
            await self.app(scope, receive, send)
        else:
            await problems.answer(UnknownHost(), HTTPConnection(scope))(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        named = [
            hosts.named(value.decode("utf-8", "replace")) for header, value in scope["headers"] if header == b"host"
        ]
        if len(named) != 1 or named[0] is None:
            return False
        address = scope["server"][0] if scope.get("server") else ""
        return named[0] in self.names or named[0] == hosts.canonical(address)


@asynccontextmanager
async def draining(auth: Auth) -> AsyncIterator[None]:
    """On SIGTERM, the process reports that it is not ready, and stops only after `drain`.

    In between, load balancers notice and send their requests elsewhere.
    """
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)

    def told(_: int, __: FrameType | None) -> None:
        auth.is_stopping = True
        loop.call_soon_threadsafe(loop.call_later, auth.settings.drain.total_seconds(), stop)

    with suppress(ValueError):  # signal.signal() works in the main thread only; elsewhere our caller handles signals
        signal.signal(signal.SIGTERM, told)
    yield


def create(auth: Auth) -> FastAPI:
    """The service: the routes and pages of `auth`. `/docs` and `/openapi.json` exist only if `api_docs` is set."""
    docs = auth.settings.api_docs

    def lifespan(_: FastAPI) -> AbstractAsyncContextManager[None]:
        return draining(auth)

    service = FastAPI(
        lifespan=lifespan,
        title=auth.settings.app_name,
        version=__version__,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
        # Starlette would build the redirect from the Host header.
        redirect_slashes=False,
    )
    install(service, auth, pages=auth.settings.pages and "cookie" in auth.settings.transports)
    if not auth.settings.is_development:
        names = (auth.settings.host, *auth.settings.allowed_hosts)
        service.add_middleware(KnownHosts, names=names, health=f"{auth.prefix}/health/")
    if (auth.settings.public_url or "").startswith("https://"):
        service.add_middleware(StrictTransport)
    return service


_auth = Auth()
logs.configure(readable=_auth.settings.is_development)
app = create(_auth)
# Everything imported so far lives as long as the process: keep the garbage collector from going through it again.
gc.collect()
gc.freeze()
