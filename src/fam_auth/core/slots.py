"""Slots: each does one row at a time and has its next one as soon as it is free; a slow row holds up its own alone."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from fam_auth.core.supervision import reason, trace
from fam_auth.exceptions import Unavailable

SLOTS = 10
# Rows that end at about the same time are followed by one statement, not by one each.
MOMENT = timedelta(seconds=0.05)
log = logging.getLogger("fam_auth.outbox")
Row = TypeVar("Row")
Result = TypeVar("Result")


async def keep_busy(
    take: Callable[[int, Collection[Row]], Awaitable[Sequence[Row]]],
    do: Callable[[Row], Coroutine[Any, Any, None]],
    stopping: asyncio.Event,
    pause: timedelta,
) -> None:
    """Takes as many rows as there are free slots and does them, until told to stop; then what has begun is finished.

    `take` is told how many slots are free, and which rows are under way. It is asked again when a row has ended, which
    may have led to others, and otherwise after the pause. No failure ends this.
    """
    halt, under_way = asyncio.create_task(stopping.wait()), dict[asyncio.Task[None], Row]()
    try:
        while not stopping.is_set():
            taken = await _survived(take(SLOTS - len(under_way), under_way.values())) or ()
            under_way |= {asyncio.create_task(_survived(do(row))): row for row in taken}
            limit = pause.total_seconds() if len(under_way) < SLOTS else None
            await asyncio.wait({halt, *under_way}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if under_way:
                await asyncio.wait(under_way, timeout=MOMENT.total_seconds())
            under_way = {task: row for task, row in under_way.items() if not task.done()}
        await asyncio.gather(*under_way)
    finally:
        # gather passes every further cancellation on: psycopg needs two (chores.CANCEL_TRIES).
        rest = [halt, *under_way]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def _survived(work: Awaitable[Result]) -> Result | None:
    """What it returns; None after a failure, which is logged. Only cancelling the caller ends the caller."""
    [ended] = await asyncio.gather(work, return_exceptions=True)
    if isinstance(ended, BaseException):
        # A database that is away is told of by every request; here it would be a line a second.
        level = logging.DEBUG if isinstance(ended, Unavailable) else logging.ERROR
        log.log(level, "The worker failed and continues: %s", reason(ended), exc_info=trace(ended))
        return None
    return ended
