"""What others notice while people sign in: GET /me on a schedule, each charged from the moment it was due."""

import asyncio
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from harness import BUILT, PEERS, Running, servers, sign_in, wrk_logins

RATE, SECONDS, STORMS = 50, 10.0, (0, 8, 64)


def measure() -> list[list[str]]:
    """A row a peer: median and 99th percentile in ms, in quiet and under storms of sign-ins."""
    peers = [peer for peer in (*PEERS, *BUILT) if peer.login and not peer.is_variant]
    with servers(peers) as running, tempfile.TemporaryDirectory() as folder:
        return [[one.peer.name, *_times(one, Path(folder))] for one in running]


def _times(one: Running, folder: Path) -> list[str]:
    """Of a worker that is warm: a first storm has opened its connections to the database."""
    _storm(one, 8, folder)
    sign_in(one)
    return [_under(one, storm, folder) for storm in STORMS]


def _under(one: Running, storm: int, folder: Path) -> str:
    print(f"{one.peer.name}: {storm} at once", flush=True)
    logins = threading.Thread(target=_storm, args=(one, storm, folder)) if storm else None
    if logins:
        logins.start()
        time.sleep(1)
    times = asyncio.run(_on_schedule(one))
    if logins:
        logins.join()
    steps = quantiles(times, n=100)
    return f"{steps[49] * 1e3:.1f} / {steps[98] * 1e3:.1f}"


def _storm(one: Running, connections: int, folder: Path) -> None:
    with suppress(RuntimeError):  # what is too much is refused, and that is what should happen
        wrk_logins(one, connections, SECONDS + 2, folder)


async def _on_schedule(one: Running) -> list[float]:
    began, asked = time.monotonic(), []
    for number in range(int(RATE * SECONDS)):
        due = began + number / RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        asked.append(asyncio.create_task(_ask(one, due)))
    return list(await asyncio.gather(*asked))


async def _ask(one: Running, due: float) -> float:
    """Seconds from the moment the request was due to its answer."""
    address = urlsplit(one.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in one.headers.items())
    request = f"GET {one.peer.me} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n{head}\r\n"
    writer.write(request.encode())
    status = await reader.readline()
    assert b" 200 " in status, status
    await reader.read()
    writer.close()
    return time.monotonic() - due


HEAD = ["p50 / p99 in ms", "quiet", "8 sign in", "64 sign in"]
