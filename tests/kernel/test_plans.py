"""Every statement that the routes and the chores run finds its rows by an index, however many there are."""

from contextlib import AsyncExitStack

from fam_auth.features.otp import Otp
from tests.support.crowd import Crowd, scaled
from tests.support.people import Clock, World
from tests.support.walk import chores, member, strolled, wrong_plans

CROWD = Crowd(users=10_000, sessions=50_000, events=100_000, now=Clock().now)
TIMES = 100
"""The row counts that the planner assumes: 1,000,000 users, 5,000,000 sessions, 10,000,000 events."""


async def test_r029_statements_find_their_rows_by_indexes(postgres_database: str) -> None:
    """The same with so many rows: tests/scale."""
    CROWD.fill(postgres_database)
    scaled(postgres_database, TIMES)
    assert await wrong_plans(postgres_database, CROWD.now) == {}


async def test_on_sqlite_the_hottest_statements_find_their_rows_by_indexes(sqlite_database: str) -> None:
    async def hottest(world: World) -> None:
        ada = await member(world, "ada@example.com")
        await ada.me()
        await ada.refresh()
        await chores(world)
        await ada.http.post("/auth/logout")

    async with AsyncExitStack() as stack:
        statements, _, walked = await strolled(stack, sqlite_database, Otp(), hottest, now=Clock().now)
        assert {
            ("POST", "/auth/login"),
            ("POST", "/auth/refresh"),
            ("GET", "/auth/me"),
            ("POST", "/auth/logout"),
        } <= walked
        plans = await statements.plans()
        lines = {(line, statement) for statement, plan in plans.items() for line in plan}
        assert {one for one in lines if one[0].startswith("SCAN auth_") and " USING " not in one[0]} == set()
        assert len(plans) > 30
