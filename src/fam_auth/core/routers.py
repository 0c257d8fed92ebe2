"""install: the one call that puts fam-auth into a FastAPI application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI

from fam_auth.auth import Auth
from fam_auth.core import chores
from fam_auth.dependencies import STATE, installed_in
from fam_auth.exceptions import Misconfigured
from fam_auth.repository.data_access.managers import changes, sessions
from fam_auth.repository.data_access.managers.worker import work
from fam_auth.sockets import Sockets, sockets_of

NOTE_EVERY = timedelta(seconds=1)
LISTEN_EVERY = timedelta(seconds=0.5)
# Without open WebSockets, or when none is due, nothing is done and nothing asked.
JUDGE_EVERY = timedelta(seconds=0.2)
# A mail that is being sent has so long to go out. Otherwise another worker sends it again, and it may arrive twice: the
# answer to its final dot can take longer (core/mail.py), and a service that stops does not wait for it.
GRACE = timedelta(seconds=5)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def install(app: FastAPI, auth: Auth, *, prefix: str = "/auth", worker: bool = True, pages: bool = False) -> None:
    """The application has the routes of `auth` under `prefix`, and CurrentUser and needs() work in its own routes.

    Starting and stopping joins the application's lifespan; refusals of our dependencies become problems everywhere.
    `worker` sends the mails in this process; without it run `fam-auth worker`. `pages` adds the hosted pages.
    Raises Misconfigured when called twice: a second Auth goes into a mounted sub-application.
    """
    if installed_in(app):
        raise Misconfigured("This application has an Auth already: put the second one into a mounted sub-application.")
    setattr(app, STATE, auth)
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
        async with running(auth, worker=worker), hosts(app) as state:
            yield state

    return lifespan


@asynccontextmanager
async def running(auth: Auth, *, worker: bool = True) -> AsyncIterator[None]:
    """Auth works inside: schema checked, mails sent, changes heard, WebSockets judged, last uses written.

    Raises Misconfigured at the beginning, and nothing of what runs in the background.
    """
    await auth.start()
    stopping, sockets = asyncio.Event(), sockets_of(auth)
    sockets.is_judged = True
    tasks = [asyncio.create_task(chore) for chore in _chores(auth, sockets, stopping, worker=worker)]
    try:
        yield
    finally:
        auth.is_stopping = True
        stopping.set()
        await chores.end(tasks, within=GRACE)
        await sockets.stop()
        await chores.attempt("uses", partial(sessions.note_seen, auth), GRACE)
        await auth.close()


def _chores(
    auth: Auth, sockets: Sockets, stopping: asyncio.Event, *, worker: bool
) -> Iterator[Coroutine[Any, Any, None]]:
    """What goes on in the background, each by itself, so that none waits for another."""
    yield chores.repeat("changes", partial(_listen, auth, sockets), LISTEN_EVERY, stopping)
    yield chores.repeat("sockets", partial(sockets.judge, auth), JUDGE_EVERY, stopping)
    yield chores.repeat("claims", partial(sockets.renew, auth), LISTEN_EVERY, stopping)
    yield chores.repeat("uses", partial(sessions.note_seen, auth), NOTE_EVERY, stopping)
    if worker:
        yield chores.repeat("worker", partial(work, auth, stopping), chores.PAUSE, stopping, within=None)


async def _listen(auth: Auth, sockets: Sockets) -> None:
    """Hears of changes: what was remembered is forgotten, and the WebSockets that it concerns are noted."""
    sockets.hear(auth, await changes.read(auth) if changes.is_read(auth) else {None})
