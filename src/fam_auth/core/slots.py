"""Slots: each processes one row at a time and takes the next one when it is free, so a slow row delays no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from fam_auth.core.supervision import reason, trace
from fam_auth.exceptions import Unavailable

SLOTS = 10
# Slots that become free within this time take their next rows by one statement.
MOMENT = timedelta(seconds=0.05)
# The server's own time limits do not end a query whose connection has gone silent.
PATIENCE = timedelta(seconds=10)
log = logging.getLogger("fam_auth.outbox")
Row = TypeVar("Row")
Result = TypeVar("Result")


async def keep_busy(
    take: Callable[[int, Collection[Row]], Awaitable[Sequence[Row]]],
    do: Callable[[Row], Coroutine[Any, Any, None]],
    stopping: asyncio.Event,
    pause: timedelta,
) -> None:
    """Fills the free slots with rows and processes them until `stopping` is set, then finishes what has begun.

    `take` gets the number of free slots and the rows in progress. It is called when a row has ended, and otherwise
    after `pause`. No failure ends the loop.
    """
    halt, under_way = asyncio.create_task(stopping.wait()), dict[asyncio.Task[None], Row]()
    try:
        while not stopping.is_set():
            taken = await _survived(_in_time(take, SLOTS - len(under_way), under_way.values())) or ()
            under_way |= {asyncio.create_task(_survived(do(row))): row for row in taken}
            limit = pause.total_seconds() if len(under_way) < SLOTS else None
            await asyncio.wait({halt, *under_way}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if under_way:
                await asyncio.wait(under_way, timeout=MOMENT.total_seconds())
            under_way = {task: row for task, row in under_way.items() if not task.done()}
        await asyncio.gather(*under_way)
    finally:
        # gather forwards every further cancellation: psycopg needs two (chores.CANCEL_TRIES).
        rest = [halt, *under_way]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def _in_time(
    take: Callable[[int, Collection[Row]], Awaitable[Sequence[Row]]], limit: int, under_way: Collection[Row]
) -> Sequence[Row]:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        return await take(limit, under_way)


async def _survived(work: Awaitable[Result]) -> Result | None:
    """The result; None after a failure, which is logged. A cancellation of the caller still ends it."""
    [ended] = await asyncio.gather(work, return_exceptions=True)
    if isinstance(ended, BaseException):
        # Every request already logs that the database is down; here it would be one line per second.
        level = logging.DEBUG if isinstance(ended, Unavailable) else logging.ERROR
        log.log(level, "The worker failed and continues: %s", reason(ended), exc_info=trace(ended))
        return None
    return ended
