"""Background tasks that survive any failure and never hang."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from fam_auth.exceptions import Unavailable

DEADLINE = timedelta(seconds=10)
"""A task that takes longer is probably waiting on a dead connection."""
PAUSE = timedelta(seconds=1)
"""The least pause after an unexpected failure, which would fill the log otherwise."""
CANCEL_TRIES = 3
"""psycopg spends the first cancellation on telling the server, and waits again; the second one ends it."""
CANCEL_WAIT = 1.0
Chore = Callable[[], Coroutine[Any, Any, Any]]
log = logging.getLogger("fam_auth")


async def repeat(
    name: str, chore: Chore, every: timedelta, stopping: asyncio.Event, *, within: timedelta | None = DEADLINE
) -> None:
    """Runs a chore again and again until `stopping` is set. No failure ends it, and neither does a cancelled chore.

    A chore that takes longer than `within` is cancelled and started again; None: no limit.
    """
    while not stopping.is_set():
        went_well = await attempt(name, chore, within)
        pause = every if went_well else max(every, PAUSE)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause.total_seconds())


async def attempt(name: str, chore: Chore, within: timedelta | None = DEADLINE) -> bool:
    """Runs a chore once. Returns False after an unexpected failure, which is logged with the name of the chore."""
    try:
        await _bounded(chore(), within)
    except Unavailable:
        log.debug("Background task %s is waiting: the database does not respond.", name)
    except Exception:
        log.exception("Background task %s failed and will be retried.", name)
        return False
    return True


async def end(tasks: Collection[asyncio.Future[Any]], *, within: timedelta = timedelta(0)) -> None:
    """The tasks have ended, those that take longer than `within` by being cancelled. Raises nothing of theirs."""
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
    """Raises TimeoutError when the chore took too long or was cancelled, and otherwise what it raises itself.

    Runs in its own task, so that a cancellation inside it (an anyio scope of somebody else's) stops nothing else.
    """
    task = asyncio.ensure_future(chore)
    try:
        await asyncio.wait({task}, timeout=None if within is None else within.total_seconds())
    finally:
        await end([] if task.done() else [task])
    if not task.done() or task.cancelled():
        raise TimeoutError("timed out or was cancelled")
    task.result()
