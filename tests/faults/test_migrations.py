"""Many machines migrate at once."""

import asyncio
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.engine import Connection

from fam_auth.core import migrations
from fam_auth.core.migrations import History
from fam_auth.core.upgrade import configured, upgrade
from tests.conftest import new_auth
from tests.support import postgres
from tests.support.load import TABLE
from tests.support.people import Clock, Mailbox
from tests.support.postgres import Server

# Forks of one process: to import everything takes ten times as long as to migrate.
UPGRADE = """
import os, sys
from tests.conftest import migrate

children = []
for _ in range(5):
    child = os.fork()
    if not child:
        sys.exit(migrate(sys.argv[1]))
    children.append(child)
print(*[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@pytest.mark.parametrize("is_one_behind", [False, True])
async def test_r14_five_at_once(server: Server, is_one_behind: bool) -> None:
    empty = postgres.create_database(server.url, f"five_{uuid4().hex}")
    if is_one_behind:
        behind = new_auth(empty, Clock(), Mailbox())
        await upgrade(behind.database, behind.histories)
        async with behind.database.engine.begin() as connection:
            await connection.execute(text("SET LOCAL search_path TO fam_auth"))
            await connection.run_sync(_one_back, behind.histories[0])
        assert await migrations.behind(behind.database, behind.histories) == ["kernel"]
        await behind.close()
    program = [sys.executable, "-c", UPGRADE, empty]
    began = time.monotonic()
    five = await asyncio.create_subprocess_exec(*program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    codes, errors = await five.communicate()
    name, took = f"R-14 five migrate, {'one behind' if is_one_behind else 'empty'}", time.monotonic() - began
    TABLE.append((name, "5", "0", "0", f"{took:.2f}", ""))
    assert codes.split() == [b"0"] * 5, errors
    auth = new_auth(empty, Clock(), Mailbox())
    async with auth.database.autocommit.connect() as connection:
        versions = (await connection.execute(text("SELECT version_num FROM fam_auth.version_kernel"))).all()
    assert [row.version_num for row in versions] == [auth.histories[0].head]
    await auth.close()


def _one_back(connection: Connection, history: History) -> None:
    command.downgrade(configured(history, "fam_auth", connection=connection), "-1")
