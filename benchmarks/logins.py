"""How many people sign in a second, by the same parameters of Argon2id, and how many hashes there could be."""

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from argon2 import PasswordHasher
from harness import PASSWORD, PEERS, servers, spread, wrk_logins

ROUNDS, SECONDS, CONNECTIONS = 3, 4.0, 8


def measure() -> list[list[str]]:
    """A row a peer: sign-ins a second, and the share of what the machine can hash."""
    peers = [peer for peer in PEERS if peer.login]
    limits: list[float] = []
    with servers(peers) as running, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            limits.append(hash_limit(SECONDS))
            for one in running:
                rate = wrk_logins(one, CONNECTIONS, SECONDS, Path(folder))
                one.results.setdefault("rate", []).append(rate)
                one.results.setdefault("share", []).append(rate / limits[-1])
        rows = [[one.peer.name, spread(one.results["rate"], ".0f"), spread(one.results["share"])] for one in running]
    return [["hashes alone, on every core", spread(limits, ".0f"), "1.00"], *rows]


def hash_limit(seconds: float) -> float:
    """Hashes a second with one thread on each core, and nothing else."""
    hasher, done = PasswordHasher(2, 19_456, 1), []
    lock, end = threading.Lock(), time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < end:
            hasher.hash(PASSWORD)
            with lock:
                done.append(1)

    threads = cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(work)
    return len(done) / seconds


HEAD = ["", "sign-ins a second", "of the hash limit"]
