"""How many people sign in a second, by the same parameters of Argon2id, and how many hashes there could be."""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import BUILT, HERE, PEERS, built_argon2, servers, spread, wrk_logins

ROUNDS, SECONDS, CONNECTIONS = 3, 4.0, 8


def measure() -> list[list[str]]:
    """A row a peer: sign-ins per second, and the share of what the machine can hash as argon2-cffi comes."""
    peers = [peer for peer in (*PEERS, *BUILT) if peer.login]
    limits: list[float] = []
    built: list[float] = []
    with servers(peers) as running, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            limits.append(_hash_limit(None))
            built += [_hash_limit(built_argon2()) for _ in BUILT]
            for one in running:
                rate = wrk_logins(one, CONNECTIONS, SECONDS, Path(folder))
                one.results.setdefault("rate", []).append(rate)
                one.results.setdefault("share", []).append(rate / limits[-1])
        rows = [[one.peer.name, spread(one.results["rate"], ".0f"), spread(one.results["share"])] for one in running]
    return [*_alone("", limits, limits), *(_alone(", built for the processor", built, limits) if built else []), *rows]


def _alone(how: str, rates: list[float], limits: list[float]) -> list[list[str]]:
    shares = [rate / limit for rate, limit in zip(rates, limits, strict=True)]
    return [[f"hashes alone, on every core{how}", spread(rates, ".0f"), spread(shares)]]


def _hash_limit(bindings: Path | None) -> float:
    """Hashes a second and nothing else, with these bindings; None: as they come."""
    environment = {} if bindings is None else {"PYTHONPATH": str(bindings)}
    command = [sys.executable, HERE / "hashes.py", str(SECONDS)]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


HEAD = ["", "sign-ins per second", "of the hash limit"]
