"""One slow recipient, endpoint or listener holds up its own row: the others, and those that come later, go on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from fam_auth import events
from fam_auth.core import slots
from fam_auth.core.mail import Mail, carrier
from fam_auth.repository.data_access.managers import event_jobs, users, worker
from tests.kernel.test_worker import lines, post
from tests.support.mail_server import Post, listening
from tests.support.people import World

TICK = timedelta(milliseconds=10)


async def until(happened: Callable[[], object]) -> None:
    """It happens within five seconds."""
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - others do it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(world: World) -> AsyncIterator[tuple[asyncio.Event, asyncio.Task[None]]]:
    """A worker works inside; it is told to stop and has ended afterwards."""
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.work(world.auth, stopping, TICK))
    yield stopping, task
    stopping.set()
    await asyncio.wait_for(task, 5)


@asynccontextmanager
async def tarpit(world: World) -> AsyncIterator[Post]:
    """The mails go to a server that holds on to recipients that are called slow."""
    server = Post()
    async with listening(server) as url:
        world.auth.carrier = carrier(url)
        yield server


async def test_a_slow_recipient_does_not_hold_up_later_mails(world: World) -> None:
    async with tarpit(world) as server, working(world):
        await post(world.auth, "slow@example.com")
        await until(lambda: server.held)
        for number in range(15):
            await post(world.auth, f"ada{number}@example.com")
        await until(lambda: len(server.got) == 15)
        assert "slow@example.com" not in server.got
        server.released.set()
        await until(lambda: "slow@example.com" in server.got)
    assert len(server.got) == len(set(server.got)) == 16


async def test_what_is_under_way_is_finished_at_the_end_and_nothing_is_begun(world: World) -> None:
    async with tarpit(world) as server, working(world) as (stopping, task):
        await post(world.auth, "slow@example.com")
        await until(lambda: server.held)
        stopping.set()
        await post(world.auth, "ada@example.com")
        await asyncio.sleep(0.1)
        assert not task.done()
        server.released.set()
    assert server.got == ["slow@example.com"]
    assert await worker.deliver(world.auth) == 1


async def test_a_slow_follower_does_not_hold_up_later_events(world: World) -> None:
    released, began, quick = asyncio.Event(), asyncio.Event(), list[str]()

    @world.auth.after(events.UserCreated, name="slow")
    async def dawdle(_: events.UserCreated) -> None:
        began.set()
        await released.wait()

    @world.auth.after(events.UserCreated, name="quick")
    async def note(event: events.UserCreated) -> None:
        quick.append(str(event.user_id))

    async with working(world):
        await users.create(world.auth, "ada@example.com")
        await asyncio.wait_for(began.wait(), 5)
        await until(lambda: len(quick) == 1)
        await users.create(world.auth, "bob@example.com")
        await until(lambda: len(quick) == 2)
        released.set()


async def test_a_follower_that_hangs_at_every_event_leaves_half_of_the_slots_to_the_others(world: World) -> None:
    released, hanging, quick = asyncio.Event(), list[str](), list[str]()

    @world.auth.after(events.UserCreated, name="slow")
    async def hang(event: events.UserCreated) -> None:
        hanging.append(str(event.user_id))
        await released.wait()

    @world.auth.after(events.UserCreated, name="quick")
    async def note(event: events.UserCreated) -> None:
        quick.append(str(event.user_id))

    async with working(world):
        for number in range(12):
            await users.create(world.auth, f"ada{number}@example.com")
        await until(lambda: len(quick) == 12)
        assert len(hanging) == event_jobs.MOST_OF_ONE == 5
        released.set()
        await until(lambda: len(hanging) == 12)


async def test_a_worker_whose_only_follower_hangs_asks_for_no_more(world: World) -> None:
    released, hanging = asyncio.Event(), list[str]()

    @world.auth.after(events.UserCreated, name="slow")
    async def hang(event: events.UserCreated) -> None:
        hanging.append(str(event.user_id))
        await released.wait()

    for number in range(7):
        await users.create(world.auth, f"ada{number}@example.com")
    async with working(world):
        await until(lambda: len(hanging) == 5)
        await asyncio.sleep(0.1)
        assert len(hanging) == 5
        released.set()
        await until(lambda: len(hanging) == 7)


async def test_rows_that_end_together_are_followed_by_one_statement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MOMENT", timedelta(seconds=0.4))
    rows, leased = world.auth.database.rows, list[int]()

    async def counted(*statement: Any) -> Sequence[Any]:
        found = await rows(*statement)
        if found and hasattr(found[0], "locale"):
            leased.append(len(found))
        return found

    monkeypatch.setattr(world.auth.database, "rows", counted)
    sent: list[str] = []

    class Uneven:
        async def carry(self, mail: Mail) -> None:
            await asyncio.sleep(int(mail.recipient[3]) * 0.03)
            sent.append(mail.recipient)

    world.auth.carrier = Uneven()
    for number in range(30):
        await post(world.auth, f"ada{number % 10}-{number}@example.com")
    async with working(world):
        await until(lambda: len(sent) == 30)
    assert sum(leased) == 30
    assert len(leased) < 8


class Rows:
    """Rows in memory, each of which takes until it is let go."""

    def __init__(self, many: int) -> None:
        self.waiting, self.asked = deque(range(many)), list[int]()
        self.under_way, self.done, self.most = dict[int, asyncio.Event](), list[int](), 0

    async def take(self, limit: int, under_way: Collection[int]) -> list[int]:
        self.asked.append(limit)
        assert limit + len(under_way) == 10
        return [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]

    async def do(self, row: int) -> None:
        self.under_way[row] = asyncio.Event()
        self.most = max(self.most, len(self.under_way))
        await self.under_way[row].wait()
        del self.under_way[row]
        self.done.append(row)


async def test_ten_at_once_and_the_next_one_in_the_place_of_each() -> None:
    rows, stopping = Rows(25), asyncio.Event()
    task = asyncio.create_task(slots.keep_busy(rows.take, rows.do, stopping, TICK))
    await until(lambda: len(rows.under_way) == 10)
    await asyncio.sleep(0.1)
    assert rows.asked == [10]
    for number in range(1, 16):
        rows.under_way[max(rows.under_way)].set()
        await until(lambda number=number: len(rows.done) == number and len(rows.under_way) == 10)  # type: ignore[misc]
    assert set(range(9)) < set(rows.under_way)
    stopping.set()
    for row in rows.under_way.values():
        row.set()
    await asyncio.wait_for(task, 5)
    assert (len(rows.done), rows.most) == (25, 10)
    assert 0 not in rows.asked


async def test_one_that_breaks_is_told_of_and_its_slot_is_free(caplog: pytest.LogCaptureFixture) -> None:
    rows, stopping = Rows(12), asyncio.Event()

    async def break_down(row: int) -> None:
        rows.done.append(row)
        raise LookupError

    task = asyncio.create_task(slots.keep_busy(rows.take, break_down, stopping, TICK))
    await until(lambda: len(rows.done) == 12)
    stopping.set()
    await asyncio.wait_for(task, 5)
    assert lines(caplog) == ["The worker failed and continues: LookupError"] * 12


async def test_a_second_cancellation_reaches_who_has_spent_the_first() -> None:
    """As psycopg does (core/chores.py). The second one comes while the first is waited for."""
    rows, spent, ended, never = Rows(1), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stubborn(_: int) -> None:
        with suppress(asyncio.CancelledError):
            await never.wait()
        spent.set()
        try:
            await never.wait()
        finally:
            ended.set()

    task = asyncio.create_task(slots.keep_busy(rows.take, stubborn, asyncio.Event(), TICK))
    await until(lambda: rows.asked)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait_for(spent.wait(), 5)
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    _, pending = await asyncio.wait([task], timeout=5)
    assert not pending
    assert task.cancelled()
    assert ended.is_set()


async def test_a_take_that_never_ends_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a connection that has gone silent: the worker goes on, and stops when it is told to."""
    monkeypatch.setattr(slots, "PATIENCE", timedelta(milliseconds=20))
    asked, never, stopping = 0, asyncio.Event(), asyncio.Event()

    async def take(_: int, __: Collection[int]) -> Sequence[int]:
        nonlocal asked
        asked += 1
        await never.wait()
        return ()

    async def do(_: int) -> None: ...

    task = asyncio.create_task(slots.keep_busy(take, do, stopping, TICK))
    await until(lambda: asked > 2)
    stopping.set()
    await asyncio.wait_for(task, 5)
    assert "TimeoutError" in caplog.text
