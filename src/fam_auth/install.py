"""`install` adds fam-auth to a FastAPI application; `running` starts and stops what it needs in the background."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI

from fam_auth.auth import Auth
from fam_auth.core import chores
from fam_auth.exceptions import Misconfigured
from fam_auth.http.installed import STATE, installed_in
from fam_auth.http.sockets import Sockets, sockets_of
from fam_auth.repository.data_access.managers import invalidation, sessions
from fam_auth.repository.data_access.managers.worker import work

NOTE_EVERY = timedelta(seconds=1)
LISTEN_EVERY = timedelta(seconds=0.5)
# This may be short: without open WebSockets, or when none is due, it asks the database nothing.
JUDGE_EVERY = timedelta(seconds=0.2)
# Time for a mail that is being sent at shutdown. If it takes longer, another worker sends it again, so it can arrive
# twice.
GRACE = timedelta(seconds=5)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def install(app: FastAPI, auth: Auth, *, prefix: str = "/auth", worker: bool = True, pages: bool = False) -> None:
    """Add the routes of `auth` under `prefix`, and make CurrentUser and needs() work in your own routes.

    Startup and shutdown join the application's lifespan, and every Refusal raised in a route becomes a problem
    response. `worker` sends mail and runs background jobs in this process; with False, run `fam-auth worker`. `pages`
    adds the hosted pages. Raises Misconfigured when the application already has an Auth; install a second one into a
    mounted sub-application.
    """
    if installed_in(app):
        raise Misconfigured(
            "This application already has an Auth. Install the second one in a mounted sub-application."
        )
    setattr(app, STATE, auth)
    auth.prefix = prefix
    # Imported here, because commands and workers have no routes and should not wait for the import.
    from fam_auth import routers  # noqa: PLC0415
    from fam_auth.http import access_rules, mount  # noqa: PLC0415

    ours = mount.mount(app, auth, routers.KERNEL)
    if pages:
        from fam_auth.pages import mount as hosted  # noqa: PLC0415 - an application without pages does not wait for them

        hosted.mount(app, auth, ours)
    hosts, check = app.router.lifespan_context, partial(access_rules.ready, app, auth)
    app.router.lifespan_context = _composed(hosts, auth, check, worker=worker)


def _composed(hosts: Lifespan, auth: Auth, check: Callable[[], None], *, worker: bool) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        # Fail before anything runs in the background.
        check()
        async with running(auth, worker=worker), hosts(app) as state:
            yield state

    return lifespan


@asynccontextmanager
async def running(auth: Auth, *, worker: bool = True) -> AsyncIterator[None]:
    """Run `auth` inside: check the schema, send mail, read invalidations, end WebSockets, record the use of sessions.

    Raises Misconfigured at startup. Failures in the background are logged and retried, never raised.
    """
    await auth.start()
    stopping, sockets = asyncio.Event(), sockets_of(auth)
    sockets.is_judged = True
    tasks = [asyncio.create_task(chore) for chore in _chores(auth, sockets, stopping, worker=worker)]
    try:
        yield
    finally:
        # From here on, `/health/ready` answers 503.
        auth.is_stopping = True
        stopping.set()
        await chores.end(tasks, within=GRACE)
        await sockets.stop()
        await chores.attempt("uses", partial(sessions.note_seen, auth), GRACE)
        await auth.close()


def _chores(
    auth: Auth, sockets: Sockets, stopping: asyncio.Event, *, worker: bool
) -> Iterator[Coroutine[Any, Any, None]]:
    """The background tasks. Each is a task of its own, so that a slow one does not delay the others."""
    yield chores.repeat("changes", partial(_listen, auth, sockets), LISTEN_EVERY, stopping)
    yield chores.repeat("sockets", partial(sockets.judge, auth), JUDGE_EVERY, stopping)
    yield chores.repeat("claims", partial(sockets.renew, auth), LISTEN_EVERY, stopping)
    yield chores.repeat("uses", partial(sessions.note_seen, auth), NOTE_EVERY, stopping)
    if worker:
        yield chores.repeat("worker", partial(work, auth, stopping), chores.PAUSE, stopping, within=None)


async def _listen(auth: Auth, sockets: Sockets) -> None:
    """Drops invalidated sessions from the cache, and marks the WebSockets they concern to be checked again.

    A process that does not read the invalidation feed must assume that everything may have changed.
    """
    sockets.hear(auth, await invalidation.read(auth) if invalidation.is_read(auth) else {None})
