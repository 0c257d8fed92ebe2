"""install: the one call that puts fam-auth into a FastAPI application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI

from fam_auth.auth import Auth
from fam_auth.dependencies import SOCKETS, STATE, installed_in
from fam_auth.exceptions import Misconfigured, Unavailable
from fam_auth.repository.data_access.managers import changes, sessions
from fam_auth.repository.data_access.managers.worker import work
from fam_auth.sockets import Sockets

NOTE_EVERY = timedelta(seconds=1)
LISTEN_EVERY = timedelta(seconds=0.5)
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
    if installed_in(app):
        raise Misconfigured("This application has an Auth already: put the second one into a mounted sub-application.")
    setattr(app, STATE, auth)
    setattr(app.state, SOCKETS, Sockets())
    auth.prefix = prefix
    from fam_auth.routers import mounted, rules  # noqa: PLC0415 - commands and workers do not wait for routes they lack

    ours = mounted.mount(app, auth)
    if pages:
        from fam_auth.pages import mounted as hosted  # noqa: PLC0415 - who has no pages does not wait for them

        hosted.mount(app, auth, ours)
    hosts, check = app.router.lifespan_context, partial(rules.ready, app, auth)
    app.router.lifespan_context = _composed(hosts, auth, check, worker=worker)


def _composed(hosts: Lifespan, auth: Auth, check: Callable[[], None], *, worker: bool) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        check()
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
