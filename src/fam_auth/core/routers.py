"""install: the one call that puts fam-auth into a FastAPI application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fam_auth.auth import Auth
from fam_auth.dependencies import SOCKETS, STATE
from fam_auth.exceptions import Misconfigured, NotFound, Refusal, Unavailable
from fam_auth.repository.data_access.managers import changes, sessions
from fam_auth.repository.data_access.managers.worker import work
from fam_auth.routers import administration, config, email, login, openapi, problems, rules, session, user
from fam_auth.sockets import Sockets

KERNEL: tuple[APIRouter, ...] = (
    config.router,
    login.router,
    session.router,
    user.router,
    email.router,
    administration.router,
)
NOTE_EVERY = timedelta(seconds=1)
LISTEN_EVERY = timedelta(seconds=0.8)
# A mail that is being sent has so long to go out; another worker sends it again otherwise.
GRACE = timedelta(seconds=5)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]
log = logging.getLogger("fam_auth")


def install(app: FastAPI, auth: Auth, *, prefix: str = "/auth", worker: bool = True, pages: bool = False) -> None:
    """The application has the routes of `auth` under `prefix`, and CurrentUser and needs() work in its own routes.

    Starting and stopping joins the application's lifespan; refusals of our dependencies become problems everywhere.
    `worker` sends the mails in this process; without it run `fam-auth worker`. `pages` adds the hosted pages.
    Raises Misconfigured when called twice: a second Auth goes into a mounted sub-application.
    """
    if hasattr(app.state, STATE):
        raise Misconfigured("This application has an Auth already: put the second one into a mounted sub-application.")
    setattr(app.state, STATE, auth)
    setattr(app.state, SOCKETS, Sockets())
    auth.prefix = prefix
    ours = APIRouter(default=_nothing_here)
    for router in (*KERNEL, *(router for feature in auth.features for router in feature.routers(auth.settings))):
        ours.include_router(router)
    if pages:
        from fam_auth.pages import mounted  # noqa: PLC0415 - who has no pages does not wait for their import

        mounted.mount(app, auth, ours)
    # One place to look at for all other requests: with forty routes among the host's own, each of those cost a third.
    app.mount(prefix, ours)
    app.add_exception_handler(Refusal, _answer)
    app.router.lifespan_context = _composed(app.router.lifespan_context, auth, worker=worker)
    # FastAPI's documented way to change the document.
    app.openapi = openapi.described(app, auth, ours)  # type: ignore[method-assign]


def _composed(hosts: Lifespan, auth: Auth, *, worker: bool) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        rules.ready(app, auth)
        sockets: Sockets = getattr(app.state, SOCKETS)
        async with running(auth, worker=worker, sockets=sockets), hosts(app) as state:
            yield state

    return lifespan


@asynccontextmanager
async def running(auth: Auth, *, worker: bool = True, sockets: Sockets | None = None) -> AsyncIterator[None]:
    """Auth works inside: schema checked, mails sent, changes heard, last uses written.

    `sockets` are the WebSockets that end with their sessions. Raises Misconfigured at the beginning.
    """
    await auth.start()
    stopping = asyncio.Event()
    chores = [_repeat(lambda: _listen(auth, sockets or Sockets()), LISTEN_EVERY, stopping)]
    chores.append(_repeat(lambda: sessions.note_seen(auth), NOTE_EVERY, stopping))
    chores += [work(auth, stopping)] if worker else []
    tasks = [asyncio.create_task(chore) for chore in chores]
    try:
        yield
    finally:
        auth.is_stopping = True
        stopping.set()
        _, late = await asyncio.wait(tasks, timeout=GRACE.total_seconds())
        for task in late:
            task.cancel()
        with suppress(Unavailable):
            await sessions.note_seen(auth)
        await auth.close()


async def _listen(auth: Auth, sockets: Sockets) -> None:
    """Hears of changes, and ends the WebSockets whose sessions have ended."""
    await sockets.end(auth, await changes.read(auth) if changes.is_read(auth) else {None})


async def _repeat(chore: Callable[[], Awaitable[None]], every: timedelta, stopping: asyncio.Event) -> None:
    """Does a chore again and again. A database that does not answer is waited for, and nothing else ends it either."""
    while not stopping.is_set():
        try:
            await chore()
        except Unavailable:
            log.debug("The database does not answer.")
        except Exception:
            log.exception("A chore failed and is done again.")
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every.total_seconds())


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """A path below ours that is none of ours."""
    await problems.answer(NotFound(), HTTPConnection(scope))(scope, receive, send)


async def _answer(connection: HTTPConnection, refusal: Exception) -> Response:
    """A refusal in a route of the host: a problem, for WebSockets too (the handshake is denied with its status)."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - the handler is registered for this class alone
    return problems.answer(refusal, connection)
