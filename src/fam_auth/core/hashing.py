"""Password hashing with Argon2id, in a small thread pool with a bounded queue."""

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

# OWASP's minimum, also in ASVS 5.0.0, appendix C: 19 MiB, two passes, one lane.
# It takes 25 ms on one core; the default of argon2-cffi takes 119 ms and 64 MiB.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
LEAST_MEMORY_KIB = {1: 47_104, 2: 19_456, 3: 12_288}
"""Minimum memory by number of passes; more than three require as much as three (ASVS 5.0.0, appendix C)."""
QUEUE_PER_THREAD = 4
LONGEST_WAIT = 3
"""Upper bound of `Retry-After` in seconds. It is random from 1 on, so that refused clients do not return together."""
NICENESS = 10
"""Gives hashing a tenth of a contended processor. Not 19: a thread that is starved may be holding the GIL."""

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Hashing(BaseModel):
    """The parameters of Argon2id, with one lane. `fam-auth tune-hash` recommends values for a machine."""

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
    """Hashes and verifies passwords in threads. Never call it inside a transaction, which would stay open meanwhile.

    At most `threads` hashes run at a time and four times as many wait; beyond that it raises Busy. Without the limit, a
    flood of sign-ins would make every sign-in time out.
    """

    def __init__(self, *, memory: int = MEMORY_KIB, passes: int = PASSES, threads: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=LANES)
        self._pool, self._is_closed = self._new_pool(), False
        self._dummy = _dummy_hash(self._argon2.time_cost, self._argon2.memory_cost)
        places = self.threads * (1 + QUEUE_PER_THREAD)
        self._queue, self._entrance = _Places(places), _Places(places)

    async def hash(self, password: str) -> str:
        """The hash of `password` with the configured parameters, in PHC string format. Raises Busy."""
        return await self.run(self._argon2.hash, password)

    async def verify(self, digest: str | None, password: str) -> bool:
        """Whether `digest` is a hash of `password`. Raises Busy.

        None takes the same time and is never right: the response time must not tell whether a user exists.
        """
        right = await self.run(self.matches, digest or self._dummy, password)
        return right and digest is not None

    async def run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run `work` in the pool, and return its result. Raises Busy."""
        with self._queue:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    @property
    def entrance(self) -> AbstractContextManager[None]:
        """A context manager around all the work for one hash. Raises Busy when the pool and its queue are full.

        Enter it before queries, whose cost would be wasted if the hash is refused afterwards.
        """
        return self._entrance

    def matches(self, digest: str, password: str) -> bool:
        """Like `verify`, but in the caller's thread. Call it from functions that `run` runs."""
        try:
            return self._argon2.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, digest: str) -> bool:
        """Whether `digest` was made with parameters other than the configured ones, so that it should be replaced."""
        return self._argon2.check_needs_rehash(digest)

    def open(self) -> None:
        """Hash again after `close`: an application can be started twice, as two clients of a test do."""
        if self._is_closed:
            self._pool, self._is_closed = self._new_pool(), False

    def close(self) -> None:
        """Stop the threads after the hashes that are running. Waiting hashes are cancelled."""
        self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="fam-auth-hash", initializer=_step_back)


class _Places(AbstractContextManager[None]):
    """A counter of free places. Raises Busy on entry when there are none; it never waits."""

    def __init__(self, free: int) -> None:
        self._free = free

    def __enter__(self) -> None:
        if self._free <= 0:
            raise Busy(retry_after=timedelta(seconds=1 + secrets.randbelow(LONGEST_WAIT)))
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


@cache
def _dummy_hash(passes: int, memory: int) -> str:
    """A hash of a random password, to verify against when there is no user. Cached, because it takes as long as any."""
    return PasswordHasher(passes, memory, LANES).hash(secrets.token_urlsafe(16))


def _step_back() -> None:
    """Lowers the priority of a hash thread, so that many sign-ins do not slow other routes. Only Linux has this."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
