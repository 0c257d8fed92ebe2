"""Dependencies that run without a thread."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

Result = TypeVar("Result")


def inline(look: Callable[..., Result]) -> Callable[..., Awaitable[Result]]:
    """Make a plain function a dependency that runs on the event loop. FastAPI would start a thread for it.

    The function must not block.
    """

    @wraps(look)
    async def looked(*args: Any, **kwargs: Any) -> Result:
        return look(*args, **kwargs)

    return looked
