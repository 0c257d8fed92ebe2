"""The failure of one item in a loop: log it and continue."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fam_auth.core.headers import plain
from fam_auth.exceptions import FamAuthError

LONGEST = 200


async def failure_of(work: Coroutine[Any, Any, object]) -> BaseException | None:
    """What ended the work before it was done; None when it was done.

    Cancelling the caller cancels the work. A cancellation that comes out of the work itself is a failure like any
    other: code of somebody else may have waited for a task that was cancelled.
    """
    [ended] = await asyncio.gather(work, return_exceptions=True)
    return ended if isinstance(ended, BaseException) else None


def reason(failure: BaseException) -> str:
    """Why, in one line for a log or a column: the message of our own exceptions, the type of any other.

    The traceback that `trace` gives to the log has the message of the others.
    """
    return plain(str(failure) if isinstance(failure, FamAuthError) else type(failure).__name__)[:LONGEST]


def trace(failure: BaseException) -> BaseException | None:
    """What a log needs beside the reason: where it came from, unless we raised it ourselves."""
    return None if isinstance(failure, FamAuthError) else failure
