"""A server and a service that may be hurt while people use it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.support.load import TABLE, Person, Ran, contradictions, load
from tests.support.postgres import Server
from tests.support.service import Service

SECONDS = float(os.environ.get("FAM_AUTH_TEST_SECONDS", "4"))
LONGEST = 5.5
SETTINGS: dict[str, Any] = {
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
    "FAM_AUTH_FEATURES": "password",
    "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "100000/1h",
    "FAM_AUTH_THROTTLE__REFRESH": "100000/1m",
    "FAM_AUTH_THROTTLE__MAIL": "100000/1m",
    "FAM_AUTH_THROTTLE__MAIL_DAY": "100000/1d",
}
Fault = Callable[[], AsyncIterator[None]]


@dataclass
class Rig:
    """A server and a service with two workers on it; both may be hurt."""

    server: Server
    database: str
    service: Service
    kills: int = 0

    @property
    def workers(self) -> list[int]:
        """The processes that answer; the first one is Python's own helper of the parent."""
        pid = self.service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]

    async def under(self, name: str, fault: Fault, person: Callable[[str, Ran], Person] = Person) -> Ran:
        """Load before, during and after a fault; the fault is over where it yields. Returns what was seen."""
        ran = Ran()
        task = asyncio.create_task(load(self.service.url, 3 * SECONDS, ran, person=person))
        await asyncio.sleep(SECONDS)
        over = 0.0
        async for _ in fault():
            over = time.monotonic()
        await task
        wrong = contradictions(self.database, ran)
        lost = sum(one.startswith("lost") for one in wrong)
        figures = (ran.requests, lost, len(wrong) - lost, f"{ran.slowest:.2f}", f"{ran.back_after(over):.2f}")
        TABLE.append((name, *(str(figure) for figure in figures)))
        assert wrong == [], wrong
        assert ran.slowest <= LONGEST
        assert 500 not in ran.seen()
        return ran

    def kill(self, chance: Random) -> bool:
        """One of the workers is gone at once, as by kill -9; False when none could be spared."""
        if len(workers := self.workers) < 2:
            return False
        os.kill(chance.choice(workers), signal.SIGKILL)
        return True

    async def under_kills(self, name: str, person: Callable[[str, Ran], Person] = Person) -> Ran:
        """Load while workers are killed at random moments."""
        chance = Random(name)  # noqa: S311 - when is no secret

        async def fault() -> AsyncIterator[None]:
            for _ in range(3 * int(SECONDS)):
                self.kills += self.kill(chance)
                await asyncio.sleep(chance.random() * 0.6)
            yield

        return await self.under(name, fault, person)
