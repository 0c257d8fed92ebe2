"""What importing costs over FastAPI and SQLAlchemy, and what an idle worker has in memory over them."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from harness import PEERS, Peer, Running, populate, servers, wrk_logins

ROUNDS = 7
FRAMEWORK = "import fastapi, sqlalchemy.ext.asyncio"
PROBE = """
import os, time
began = time.perf_counter()
{imports}
took = time.perf_counter() - began
{more}
with open("/proc/self/status") as status:
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
print(took * 1000, resident / 1024)
"""
PROGRAMS = {
    "FastAPI and SQLAlchemy": (FRAMEWORK, ""),
    "import fam_auth": (f"{FRAMEWORK}\nimport fam_auth", ""),
    "with password, otp and role": (
        f"{FRAMEWORK}\nimport fam_auth, fam_auth.features.password, fam_auth.features.otp, fam_auth.features.role",
        "",
    ),
}


def measure() -> list[list[str]]:
    """A row a program: milliseconds and MiB over the framework alone."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, (imports, more) in PROGRAMS.items():
            program = PROBE.format(imports=imports, more=more)
            ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
            took, resident = map(float, ran.stdout.split())
            found[name].append((took, resident))
    base = [median(values) for values in zip(*found["FastAPI and SQLAlchemy"], strict=True)]
    return [*([name, *_over(values, base)] for name, values in found.items()), *_idle()]


def _idle() -> list[list[str]]:
    """What a worker of uvicorn has in memory: idle, and once it has hashed, with a thread for each core."""
    framework = Peer("FastAPI and SQLAlchemy", "framework_app", None, "-", login=None)
    with servers([framework, PEERS[1]], populated=False) as (bare, ours), tempfile.TemporaryDirectory() as folder:
        time.sleep(3)
        base, idle = _resident_mib(bare), _resident_mib(ours)
        populate(ours)
        wrk_logins(ours, 8, 3, Path(folder))
        rows = {"FastAPI and SQLAlchemy": base, "fam-auth, idle": idle, "fam-auth, after sign-ins": _resident_mib(ours)}
    return [[f"a worker: {name}", "", f"{mib:.0f} MiB (+{mib - base:.0f})"] for name, mib in rows.items()]


def _resident_mib(one: Running) -> float:
    lines = Path(f"/proc/{one.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _over(values: list[tuple[float, float]], base: list[float]) -> list[str]:
    took, resident = (median(one) for one in zip(*values, strict=True))
    return [f"{took:.0f} ms (+{took - base[0]:.0f})", f"{resident:.0f} MiB (+{resident - base[1]:.0f})"]


HEAD = ["", "import", "resident memory"]
