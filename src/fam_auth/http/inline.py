"""Dependencies that do not wait for anything."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

Result = TypeVar("Result")


def inline(look: Callable[..., Result]) -> Callable[..., Awaitable[Result]]:
    """A dependency that waits for nothing, without the thread that FastAPI would run it in."""

    @wraps(look)
    async def looked(*args: Any, **kwargs: Any) -> Result:
        return look(*args, **kwargs)

    return looked
