"""How much of bare FastAPI's rate is left on a signed-in request."""

from harness import PEERS, Running, cpu_seconds, servers, sign_in, spread, wrk

CONNECTIONS = (1, 16, 64)
ROUNDS, SECONDS = 11, 1.0


def measure() -> list[list[str]]:
    """A row a peer: ratios to bare FastAPI, taken within a round, and the processor time of one request."""
    with servers(PEERS) as running:
        for one in running:
            wrk(one, 16, 1)
        for number in range(ROUNDS):
            for one in running:
                sign_in(one)
            for connections in CONNECTIONS:
                print(f"round {number + 1} of {ROUNDS}, {connections} connections", flush=True)
                for one in running:
                    _round(one, connections)
        return [_row(one, running[0]) for one in running]


def _round(one: Running, connections: int) -> None:
    before = cpu_seconds(one.process.pid)
    rate = wrk(one, connections, SECONDS)
    used = cpu_seconds(one.process.pid) - before
    one.results.setdefault(f"rate {connections}", []).append(rate)
    one.results.setdefault(f"cpu {connections}", []).append(used * 1000 / (rate * SECONDS))


def _row(one: Running, bare: Running) -> list[str]:
    ratios = []
    for connections in CONNECTIONS:
        key = f"rate {connections}"
        ratios.append(spread([mine / its for mine, its in zip(one.results[key], bare.results[key], strict=True)]))
    return [one.peer.name, *ratios, spread(one.results["cpu 16"], ".3f"), one.peer.revocable]


HEAD = ["", *(f"{connections} connections" for connections in CONNECTIONS), "ms of processor, 16", "revocable"]
