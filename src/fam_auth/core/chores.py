"""Background tasks that continue after any failure and never hang."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from fam_auth.exceptions import Unavailable

DEADLINE = timedelta(seconds=10)
"""After this time a task is cancelled: it is probably waiting for a dead connection."""
PAUSE = timedelta(seconds=1)
"""The minimum pause after an unexpected failure, so that a task that always fails does not flood the log."""
CANCEL_TRIES = 3
"""psycopg handles the first cancellation by telling the server, and waits again. The second one ends it."""
CANCEL_WAIT = 1.0
Chore = Callable[[], Coroutine[Any, Any, Any]]
log = logging.getLogger("fam_auth")


async def repeat(
    name: str, chore: Chore, every: timedelta, stopping: asyncio.Event, *, within: timedelta | None = DEADLINE
) -> None:
    """Run a chore repeatedly until `stopping` is set. Neither a failure nor a cancellation inside the chore ends it.

    A chore that takes longer than `within` is cancelled and started again. None: no limit.
    """
    while not stopping.is_set():
        went_well = await attempt(name, chore, within)
        pause = every if went_well else max(every, PAUSE)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause.total_seconds())


async def attempt(name: str, chore: Chore, within: timedelta | None = DEADLINE) -> bool:
    """Run a chore once. Returns False after an unexpected failure, which is logged with the chore's name.

    An unavailable database is expected: it is logged at debug level only, and the result is True.
    """
    try:
        await _bounded(chore(), within)
    except Unavailable:
        log.debug("Background task %s is waiting: the database does not respond.", name)
    except Exception:
        log.exception("Background task %s failed and will be retried.", name)
        return False
    return True


async def end(tasks: Collection[asyncio.Future[Any]], *, within: timedelta = timedelta(0)) -> None:
    """Wait up to `within` for the tasks to end, then cancel the rest. Does not raise their exceptions."""
    pending = set(tasks)
    if pending and within:
        _, pending = await asyncio.wait(pending, timeout=within.total_seconds())
    for _ in range(CANCEL_TRIES):
        if not pending:
            return
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_WAIT)


async def _bounded(chore: Awaitable[Any], within: timedelta | None) -> None:
    """Raises TimeoutError when the chore took too long or was cancelled, otherwise what the chore itself raises.

    The chore runs in its own task, so that a cancellation inside it (such as by an anyio scope) stops nothing else.
    """
    task = asyncio.ensure_future(chore)
    try:
        await asyncio.wait({task}, timeout=None if within is None else within.total_seconds())
    finally:
        await end([] if task.done() else [task])
    if not task.done() or task.cancelled():
        raise TimeoutError("timed out or was cancelled")
    task.result()
