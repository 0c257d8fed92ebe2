"""An import is killed at random moments: whole batches stay, and another run completes it."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SECRETS
from tests.support import adopting

BATCH = 50


def start(database: str, folder: Path) -> subprocess.Popen[str]:
    variables = {
        "FAM_AUTH_DATABASE": database,
        "FAM_AUTH_PROFILE": "production",
        "FAM_AUTH_SECRETS": SECRETS,
        "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
        "FAM_AUTH_MAIL": "console:",
        "DATABASE_URL": database,
    }
    command = [sys.executable, "-m", "fam_auth.cli", "adopt", "fastapi-users", "--schema", "public", "--json"]
    return subprocess.Popen(
        [*command, "--batch", str(BATCH)],
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_in_the_midst(database: str, folder: Path, chance: random.Random, most: int) -> None:
    """The command is killed as soon as it has adopted some more, and a random while later."""
    before = adopting.counts(database)[0]
    process = start(database, folder)
    enough = before + chance.randrange(most)
    while adopting.counts(database)[0] <= enough and process.poll() is None:
        time.sleep(0.005)
    time.sleep(chance.random() / 10)
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("users", "kills"), [(400, 1), pytest.param(10_000, 20, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_killed_at_random_moments(postgres_database: str, tmp_path: Path, users: int, kills: int) -> None:
    adopting.fastapi_users_table(postgres_database, users)
    seen = []
    chance = random.Random(users)  # noqa: S311 - when, is no secret
    for _ in range(kills):
        killed_in_the_midst(postgres_database, tmp_path, chance, users // kills // 2)
        found = adopting.counts(postgres_database)
        assert len(set(found)) == 1, found
        assert found[0] % BATCH == 0
        seen.append(found[0])
    assert seen == sorted(seen)
    assert len({one for one in seen if 0 < one < users}) > kills // 2, seen
    for here in (seen[-1], users):
        process = start(postgres_database, tmp_path)
        out, err = process.communicate()
        assert process.returncode == 0, err
        kinds = json.loads(out)["kinds"]
        assert kinds.get("already_here", 0) == here
        assert kinds.get("adopted", 0) == users - here
        assert set(adopting.counts(postgres_database)) == {users}
