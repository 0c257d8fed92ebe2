"""`fam-auth tune-hash`: what password hashing costs on this machine."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import AsJson, run, show
from fam_auth.core.hashing import LEAST_MEMORY_KIB, Hasher

PASSWORD = "seventeen green llamas"  # noqa: S105 - nobody has it
TIMES = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a hash with these parameters: milliseconds for one alone, and hashes per second with all threads."""

    memory: int
    passes: int
    milliseconds: float
    per_second: float


Target = Annotated[int, typer.Option(min=10, max=1000, help="Maximum time for one hash, in milliseconds.")]
Seconds = Annotated[
    float, typer.Option(min=0.1, max=60, help="How long to measure each set of parameters, in seconds.")
]


def tune_hash(*, target: Target = 100, seconds: Seconds = 1, as_json: AsJson = False) -> None:
    """Measure password hashing on this machine, and recommend the strongest parameters within the target time.

    Run it on the machine that will run the service, while that machine is otherwise idle.
    """

    async def work(auth: Auth) -> list[Cost]:
        in_force = auth.settings.hashing
        costs = [await _measured(in_force.memory, in_force.passes, in_force.threads, seconds)]
        for passes, least in LEAST_MEMORY_KIB.items():
            costs.append(await _measured(least, passes, in_force.threads, seconds))
            while costs[-1].milliseconds <= target:
                costs.append(await _measured(2 * costs[-1].memory, passes, in_force.threads, seconds))
        return costs

    costs = sorted(set(run(work)), key=lambda cost: cost.memory * cost.passes)
    show(map(_row, costs), as_json=as_json)
    within = [cost for cost in costs if cost.milliseconds <= target]
    if not as_json:
        typer.echo(_proposal(within[-1] if within else None, target))


async def _measured(memory: int, passes: int, threads: int | None, seconds: float) -> Cost:
    hasher = Hasher(memory=memory, passes=passes, threads=threads)
    try:
        alone = [await _timed(hasher) for _ in range(TIMES)]
        end = time.perf_counter() + seconds
        done = await asyncio.gather(*(_until(hasher, end) for _ in range(hasher.threads)))
    finally:
        hasher.close()
    return Cost(memory, passes, median(alone) * 1000, sum(done) / seconds)


async def _timed(hasher: Hasher) -> float:
    began = time.perf_counter()
    await hasher.hash(PASSWORD)
    return time.perf_counter() - began


async def _until(hasher: Hasher, end: float) -> int:
    done = 0
    while time.perf_counter() < end:
        await hasher.hash(PASSWORD)
        done += 1
    return done


def _row(cost: Cost) -> dict[str, str]:
    return {
        "memory_kib": str(cost.memory),
        "passes": str(cost.passes),
        "milliseconds": f"{cost.milliseconds:.0f}",
        "per_second": f"{cost.per_second:.0f}",
    }


def _proposal(best: Cost | None, target: int) -> str:
    if best is None:
        return f"No allowed parameters take {target} ms or less on this machine. Use the smallest, or raise --target."
    return (
        f"Strongest within {target} ms: FAM_AUTH_HASHING__MEMORY={best.memory} "
        f"FAM_AUTH_HASHING__PASSES={best.passes}. Passwords are rehashed when their users sign in."
    )
