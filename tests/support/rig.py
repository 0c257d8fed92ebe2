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
KILLS = int(os.environ.get("FAM_AUTH_TEST_KILLS", "8"))
LONGEST = 5.5
SETTINGS: dict[str, Any] = {
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
    "FAM_AUTH_FEATURES": "password",
    # All come from one address, and an attempt whose worker is killed is not given back.
    "FAM_AUTH_THROTTLE__NETWORK": "100000/5m",
    "FAM_AUTH_THROTTLE__NETWORK_DAY": "100000/1d",
    "FAM_AUTH_THROTTLE__ACCOUNTS": "100000/1h",
    "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "100000/1h",
    "FAM_AUTH_THROTTLE__REFRESH": "100000/1m",
    "FAM_AUTH_THROTTLE__MAIL_NETWORK": "100000/1h",
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
        ran, enough, over = Ran(), asyncio.Event(), 0.0
        task = asyncio.create_task(load(self.service.url, float("inf"), ran, person=person, enough=enough))
        try:
            await asyncio.sleep(SECONDS)
            async for _ in fault():
                over = time.monotonic()
            await asyncio.sleep(SECONDS)
        finally:
            enough.set()
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
        """One of the workers is gone at once, as by kill -9; False as long as not both of them serve."""
        if self.service.log().count("Application startup complete") < 2 + self.kills:
            return False
        os.kill(chance.choice(self.workers), signal.SIGKILL)
        return True

    async def under_kills(self, name: str, person: Callable[[str, Ran], Person] = Person) -> Ran:
        """Load while workers are killed at random moments."""
        chance = Random(name)  # noqa: S311 - when is no secret

        async def fault() -> AsyncIterator[None]:
            while self.kills < KILLS:
                self.kills += self.kill(chance)
                await asyncio.sleep(chance.random() * 0.6)
            yield

        return await self.under(f"{name}, {KILLS} x", fault, person)
