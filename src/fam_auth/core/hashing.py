"""Password hashes: Argon2id in a small pool of its own threads, with a bounded queue."""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from functools import cache
from typing import Self, TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fam_auth.exceptions import Busy

# OWASP's minimum and the ASVS table, C: 19 MiB, two passes, one lane.
# 25 ms on one core, where argon2-cffi's own default takes 119 ms and 64 MiB.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
LEAST_MEMORY_KIB = {1: 47_104, 2: 19_456, 3: 12_288}
"""By the number of passes; for more than three what three ask for (ASVS 5.0.0, appendix C)."""
QUEUE_PER_THREAD = 4
LONGEST_WAIT = 3
"""Seconds until those who were refused may come back: one to so many, so that they do not come all at once."""
NICENESS = 10
"""A tenth of the processor where both want it. Not 19: who is held up for long may hold the interpreter's lock."""

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Hashing(BaseModel):
    """How passwords are hashed: Argon2id with one lane. `fam-auth tune-hash` says what suits a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    memory: int = Field(MEMORY_KIB, description="Memory for one hash, in KiB.")
    passes: int = Field(PASSES, ge=1, le=100, description="Number of passes over the memory.")
    threads: int | None = Field(
        None, ge=1, description="Hashes computed in parallel by each worker. Unset: the number of cores."
    )

    @model_validator(mode="after")
    def _is_strong_enough(self) -> Self:
        least = LEAST_MEMORY_KIB[min(self.passes, max(LEAST_MEMORY_KIB))]
        if self.memory < least:
            raise ValueError(
                f"with FAM_AUTH_HASHING__PASSES={self.passes}, FAM_AUTH_HASHING__MEMORY must be at least {least} (ASVS)"
            )
        return self


class Hasher:
    """Hashes and verifies off the event loop; never call it with a transaction open.

    At most `threads` hashes run and four times as many wait; beyond that it raises Busy.
    """

    def __init__(self, *, memory: int = MEMORY_KIB, passes: int = PASSES, threads: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=LANES)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="fam-auth-hash", initializer=_step_back)
        self._dummy = _nobodys(self._argon2.time_cost, self._argon2.memory_cost)
        places = self.threads * (1 + QUEUE_PER_THREAD)
        self._queue, self._entrance = _Places(places), _Places(places)

    async def hash(self, password: str) -> str:
        """The hash of `password` with the parameters in force, in PHC string format."""
        return await self.run(self._argon2.hash, password)

    async def verify(self, digest: str | None, password: str) -> bool:
        """Whether `digest` is a hash of `password`. None costs the same time and is never right."""
        right = await self.run(self.matches, digest or self._dummy, password)
        return right and digest is not None

    async def run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """What `work` gives, done in the pool in its turn. Raises Busy."""
        with self._queue:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    @property
    def entrance(self) -> AbstractContextManager[None]:
        """Whoever comes to be hashed goes through here before other work is done for them that a refusal would waste.

        As many are inside as may hash or wait. Raises Busy.
        """
        return self._entrance

    def matches(self, digest: str, password: str) -> bool:
        """The same as `verify`, in the thread of the caller: for what `run` runs."""
        try:
            return self._argon2.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, digest: str) -> bool:
        """Whether `digest` was made with other parameters than those in force."""
        return self._argon2.check_needs_rehash(digest)

    def close(self) -> None:
        """Ends the threads; hashes that run are finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Places(AbstractContextManager[None]):
    """So many may be inside at once; beyond that it raises Busy."""

    def __init__(self, free: int) -> None:
        self._free = free

    def __enter__(self) -> None:
        if self._free <= 0:
            raise Busy(retry_after=timedelta(seconds=1 + secrets.randbelow(LONGEST_WAIT)))
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


@cache
def _nobodys(passes: int, memory: int) -> str:
    """The hash of a password that nobody has, to be judged where there is no user: made at the start, once."""
    return PasswordHasher(passes, memory, LANES).hash(secrets.token_urlsafe(16))


def _step_back() -> None:
    """Lets the event loop go first, so that a login storm is not felt on other endpoints (Linux; elsewhere nothing)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
