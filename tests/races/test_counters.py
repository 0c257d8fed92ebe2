"""Transactions lock counters in one order, so that no two of them deadlock."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import psycopg
import pytest

from fam_auth.auth import Auth
from fam_auth.core.rates import ExponentialBackoff, Rate
from fam_auth.repository.data_access.managers import attempts
from fam_auth.repository.data_access.managers.attempts import Counted, Limit
from tests.conftest import new_auth
from tests.support.people import Clock, Mailbox

RATE, ROW = Rate("1000/1m"), ExponentialBackoff(free=1000, longest=1, cap=10_000)
LIMITS: list[tuple[str, Rate | ExponentialBackoff]] = [
    ("row", ROW),
    ("quarter", RATE),
    ("challenge", ROW),
    ("day", RATE),
]
TOUCHED = """
    SELECT key FROM auth_attempt WHERE key = ANY(%s) AND key NOT IN
    (SELECT key FROM auth_attempt WHERE key = ANY(%s) FOR UPDATE SKIP LOCKED)
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def counted(auth: Auth, account: str) -> Counted:
    return await attempts.limit(auth, *(Limit(bucket, account, rule) for bucket, rule in LIMITS))


async def forgiven(auth: Auth, account: Counted) -> None:
    async with auth.transaction() as db:
        await auth.database.together(db, *account.forgiven())


async def until_it_waits(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as watching:
        for _ in range(100):
            if await (await watching.execute(WAITING)).fetchone() != (0,):
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def touched(database: str, keys: Sequence[str]) -> list[str]:
    """Those of the keys whose rows are locked."""
    async with await psycopg.AsyncConnection.connect(database, options="-c search_path=fam_auth") as asking:
        return [key for (key,) in await (await asking.execute(TOUCHED, (list(keys), list(keys)))).fetchall()]


@pytest.mark.parametrize("again", ["count", "forgive"])
async def test_counters_are_locked_in_the_order_of_their_keys(postgres_database: str, again: str) -> None:
    auth, plain = new_auth(postgres_database, Clock(), Mailbox()), postgres_database.replace("+psycopg", "")
    for _ in range(5):
        account = str(uuid4())
        before = await counted(auth, account)
        keys = sorted(counter.key for counter in before.counters)
        for place, key in enumerate(keys):
            async with await psycopg.AsyncConnection.connect(plain, options="-c search_path=fam_auth") as holding:
                await holding.execute("SELECT 1 FROM auth_attempt WHERE key = %s FOR UPDATE", (key,))
                task = asyncio.create_task(_again(auth, account, before, again))
                await until_it_waits(plain)
                assert await touched(plain, keys[place + 1 :]) == []
            await task
            await counted(auth, account)
    await auth.close()


async def _again(auth: Auth, account: str, before: Counted, again: str) -> None:
    if again == "count":
        await counted(auth, account)
    else:
        await forgiven(auth, before)
