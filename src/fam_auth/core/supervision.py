"""Running the items of a loop so that one that fails does not stop the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fam_auth.core.headers import plain
from fam_auth.exceptions import FamAuthError

LONGEST = 200


async def failure_of(work: Coroutine[Any, Any, object]) -> BaseException | None:
    """Run the work, and return the exception that it raised; None when it succeeded.

    Cancelling the caller cancels the work. A cancellation raised by the work itself counts as a failure: an
    application's code may have awaited a task that was cancelled.
    """
    [ended] = await asyncio.gather(work, return_exceptions=True)
    return ended if isinstance(ended, BaseException) else None


def reason(failure: BaseException) -> str:
    """The reason of a failure in one line: the message of our own exceptions, only the type of others.

    The message of another exception is part of its traceback, which `trace` returns for the log.
    """
    return plain(str(failure) if isinstance(failure, FamAuthError) else type(failure).__name__)[:LONGEST]


def trace(failure: BaseException) -> BaseException | None:
    """The exception whose traceback the log needs; None for our own, whose message is enough."""
    return None if isinstance(failure, FamAuthError) else failure
