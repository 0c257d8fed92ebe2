"""Workers are killed or stopped while they work: nothing is lost, nothing is done twice or by half."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.support.lives import Administrator, Letters, Mover, Owner, Reader
from tests.support.load import TABLE, Ran, Refresher, contradictions, load
from tests.support.people import PASSWORD
from tests.support.postgres import Server
from tests.support.rig import LONGEST, SECONDS, SETTINGS, Rig
from tests.support.service import service, variables


async def test_r20_r22_workers_are_killed(rig: Rig) -> None:
    ran = await rig.under_kills("R-20 R-22 killed: sign-in")
    assert ran.statuses["login", 200] + ran.statuses["register", 201] > 0


async def test_r23_workers_are_killed_while_tokens_rotate(rig: Rig) -> None:
    """Whoever lost an answer asks again with the old token, within the grace, and goes on."""
    ran = await rig.under_kills("R-23 killed: refresh", Refresher)
    assert ran.seen("refresh") <= {0, 200}


@pytest.fixture
def with_letters(server: Server, database: str, tmp_path: Path) -> Iterator[tuple[Rig, Letters]]:
    """A rig where addresses are verified, and the mails it writes."""
    settings = {**SETTINGS, "FAM_AUTH_EMAIL_VERIFICATION": "true"}
    with service(tmp_path, database, workers=2, **settings) as running:
        yield Rig(server, database, running), Letters(tmp_path / "mails")


async def test_r20_r21_workers_are_killed_while_mails_are_followed(with_letters: tuple[Rig, Letters]) -> None:
    """Whoever was told that their new password holds signs in with it; no link works twice."""
    rig, letters = with_letters
    ran = await rig.under_kills("R-20 R-21 killed: verify, reset", partial(Reader, letters=letters))
    # A worker that dies may have taken the mails of all for two and a half minutes.
    assert SECONDS < 30 or sum(ran.done.values()) > 0


async def test_r24_workers_are_killed_while_factors_change(server: Server, database: str, tmp_path: Path) -> None:
    """A recovery code and a session come together or not at all, and so do a factor and its codes."""
    with service(tmp_path, database, workers=2, **{**SETTINGS, "FAM_AUTH_FEATURES": "password,otp"}) as running:
        rig = Rig(server, database, running)
        ran = await rig.under_kills("R-22 R-24 killed: factors", Owner)
    assert SECONDS < 30 or ran.done
    half = """
        SELECT 1 FROM auth_otp_device d WHERE confirmed_at IS NOT NULL
        AND (SELECT count(*) FROM auth_otp_recovery_code c WHERE c.user_id = d.user_id) < 9
        UNION ALL SELECT 1 FROM auth_otp_recovery_code c
        WHERE NOT EXISTS (SELECT 1 FROM auth_otp_device d WHERE d.user_id = c.user_id AND confirmed_at IS NOT NULL)
    """
    with psycopg.connect(database.replace("+psycopg", ""), options="-c search_path=fam_auth") as connection:
        assert connection.execute(half).fetchall() == []


async def test_r24_workers_are_killed_while_addresses_change(with_letters: tuple[Rig, Letters]) -> None:
    rig, letters = with_letters
    ran = await rig.under_kills("R-24 killed: address", partial(Mover, letters=letters))
    assert SECONDS < 30 or ran.statuses["address", 200] > 0


async def test_r24_workers_are_killed_while_users_are_suspended(server: Server, database: str, tmp_path: Path) -> None:
    """Whoever is suspended is signed out as well, or neither."""
    settings, email = {**SETTINGS, "FAM_AUTH_FEATURES": "password,role"}, "admin@example.com"
    command = [sys.executable, "-m", "fam_auth.cli", "create-admin", email, "--stdin"]
    environment = variables(tmp_path, database, **settings)
    with service(tmp_path, database, workers=2, **settings) as running:
        made = partial(subprocess.run, command, input=PASSWORD.encode(), env=environment, cwd=tmp_path, check=True)
        await asyncio.to_thread(made)
        rig = Rig(server, database, running)
        ran = await rig.under_kills("R-24 killed: suspension", partial(Administrator, email=email))
    assert SECONDS < 30 or min(ran.statuses["suspend", 204], ran.statuses["restore", 204]) > 0


async def test_r17_one_of_two_is_told_to_stop(rig: Rig) -> None:
    async def fault() -> AsyncIterator[None]:
        os.kill(rig.workers[0], signal.SIGTERM)
        await asyncio.sleep(SECONDS)
        yield

    ran = await rig.under("R-17 one worker stopped", fault)
    assert ran.seen() <= {0, 200, 201, 204, 401}


async def test_the_log_is_not_read(database: str, unread: int, tmp_path: Path) -> None:
    """A full pipe holds up nobody but the log."""
    with service(tmp_path, database, log=unread, **SETTINGS) as running:
        ran = Ran()
        await load(running.url, 2 * SECONDS, ran)
        TABLE.append(("log is not read", str(ran.requests), "0", "0", f"{ran.slowest:.2f}", ""))
        assert contradictions(database, ran) == []
        assert ran.slowest < LONGEST
        assert ran.statuses["me", 200] > 10
