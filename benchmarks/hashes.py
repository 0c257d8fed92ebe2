"""python hashes.py SECONDS: how many hashes there are a second, with one thread on each core and nothing else."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

from argon2 import PasswordHasher


def main(seconds: float) -> None:
    """Prints it."""
    hasher, done = PasswordHasher(2, 19_456, 1), []
    lock, end = threading.Lock(), time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < end:
            hasher.hash("seventeen green llamas")
            with lock:
                done.append(1)

    threads = cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(work)
    print(len(done) / seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
