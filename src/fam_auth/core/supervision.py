"""What loops do with the failure of one of many: they tell of it and go on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fam_auth.core.headers import plain
from fam_auth.exceptions import FamAuthError

LONGEST = 200


async def failure_of(work: Coroutine[Any, Any, object]) -> BaseException | None:
    """What ended the work before it was done; None when it was done.

    When whoever waits here is cancelled, so is the work, and the cancellation goes on. One that comes out of the work
    by itself is a failure like any other: code of somebody else may have waited for a task that was cancelled.
    """
    [ended] = await asyncio.gather(work, return_exceptions=True)
    return ended if isinstance(ended, BaseException) else None


def reason(failure: BaseException) -> str:
    """Why, in one line that fits into any log and any column. Only our own exceptions are known to tell no secret."""
    return plain(str(failure) if isinstance(failure, FamAuthError) else type(failure).__name__)[:LONGEST]


def trace(failure: BaseException) -> BaseException | None:
    """What a log needs beside the reason: where it came from, unless we raised it ourselves."""
    return None if isinstance(failure, FamAuthError) else failure
