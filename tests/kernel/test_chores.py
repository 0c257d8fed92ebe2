"""Background work continues after every failure, and never waits forever."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from fam_auth import Auth
from fam_auth.core import chores
from fam_auth.exceptions import Unavailable
from fam_auth.install import running
from fam_auth.models import Session
from fam_auth.repository.data_access.managers import invalidation, sessions
from tests.conftest import MakeAuth, new_auth
from tests.support.people import Clock, Mailbox, Person, World
from tests.support.wire import counting

SOON = timedelta(milliseconds=10)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as no one has to wait for them."""
    assert timedelta(0) < chores.PAUSE <= timedelta(seconds=5)
    assert timedelta(seconds=60) > chores.DEADLINE
    monkeypatch.setattr(chores, "PAUSE", SOON)
    monkeypatch.setattr(chores, "CANCEL_WAIT", 0.05)


async def test_a_chore_survives_every_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Also when it is cancelled from within, as by an anyio scope that other code left open."""
    stopping = asyncio.Event()
    raised = iter([Unavailable(), RuntimeError("broken"), asyncio.CancelledError(), None])

    async def chore() -> None:
        failure = next(raised)
        if failure is not None:
            raise failure
        stopping.set()

    async with asyncio.timeout(5):
        await chores.repeat("sweeping", chore, SOON, stopping)
    assert caplog.text.count("Background task sweeping failed") == 2


@pytest.mark.parametrize("deaf", [0, 1, 99])
async def test_a_chore_that_hangs_is_restarted(caplog: pytest.LogCaptureFixture, deaf: int) -> None:
    """However many cancellations it swallows."""
    stopping, never, begun = asyncio.Event(), asyncio.Event(), 0

    async def chore() -> None:
        nonlocal begun
        begun += 1
        if begun > 1:
            stopping.set()
            return
        for _ in range(deaf):
            with suppress(asyncio.CancelledError):
                await never.wait()
        await never.wait()

    async with asyncio.timeout(5):
        await chores.repeat("sweeping", chore, SOON, stopping, within=timedelta(seconds=0.1))
    assert begun == 2
    assert "Background task sweeping failed" in caplog.text
    never.set()


async def test_a_chore_without_a_deadline_is_started_again_when_it_ends() -> None:
    """The worker that sends mails returns only when it is asked to stop."""
    stopping, begun = asyncio.Event(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.05)
        if begun == 2:
            stopping.set()
            return
        raise RuntimeError("broken")

    async with asyncio.timeout(5):
        await chores.repeat("work", work, SOON, stopping, within=None)
    assert begun == 2


async def test_a_cancelled_chore_leaves_nothing_behind() -> None:
    ended = asyncio.Event()

    async def chore() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(chores.repeat("sweeping", chore, SOON, asyncio.Event()))
    await asyncio.sleep(0.05)
    await chores.end([task], within=SOON)
    assert task.cancelled()
    assert ended.is_set()


async def test_the_feed_goes_on_after_a_connection_that_was_cut_silently(postgres_database: str) -> None:
    """A silent cut: no reset, no response, and no deadline of the server arrives. New connections work."""
    async with counting(postgres_database) as wire, an_auth(wire.url) as auth:
        stopping = asyncio.Event()
        listening = partial(invalidation.read, auth)
        task = asyncio.create_task(chores.repeat("changes", listening, SOON, stopping, within=timedelta(seconds=1)))
        await asyncio.sleep(0.3)
        assert auth.session_cache.is_trusted
        wire.cut()
        await asyncio.sleep(0.1)
        # What waits on the old event waits for ever.
        wire.whole = asyncio.Event()
        wire.whole.set()
        began = time.monotonic()
        while time.monotonic() - began < 6:
            await asyncio.sleep(0.1)
            assert auth.session_cache.is_trusted
        stopping.set()
        await task


@asynccontextmanager
async def an_auth(database: str) -> AsyncIterator[Auth]:
    auth = new_auth(database, Clock(), Mailbox())
    yield auth
    await auth.close()


async def test_failures_at_shutdown_are_logged_and_do_not_stop_it(
    make_auth: MakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    auth = make_auth()
    async with asyncio.timeout(15), running(auth):
        auth.session_cache.uses = Broken()
        await asyncio.sleep(0.1)
    assert "Background task uses failed" in caplog.text


class Broken(dict[UUID, Any]):
    """Uses that cannot be written."""

    def __bool__(self) -> bool:
        raise RuntimeError("broken")


async def seen_at(auth: Auth, person: Person) -> Any:
    """When the user's session was last used, according to the database."""
    session = await session_of(auth, person)
    row = await auth.database.row(select(Session.seen_at).where(Session.id == session))
    assert row is not None
    return row[0]


async def session_of(auth: Auth, person: Person) -> UUID:
    return (await sessions.current(auth, person.tokens["access_token"], "bearer"))[0].id


async def test_uses_are_kept_while_the_database_is_away(world: World, ada: Person) -> None:
    auth, table = world.auth, "auth_session" if world.auth.database.is_sqlite else "fam_auth.auth_session"
    used = {await session_of(auth, ada): auth.now()}
    auth.session_cache.uses = dict(used)
    await auth.database.rows(text(f"ALTER TABLE {table} RENAME TO away"))
    with pytest.raises(Unavailable):
        await sessions.note_seen(auth)
    assert auth.session_cache.uses == used
    newer = {next(iter(used)): auth.now()}
    auth.session_cache.uses |= newer
    await auth.database.rows(text(f"ALTER TABLE {table.replace('auth_session', 'away')} RENAME TO auth_session"))
    await sessions.note_seen(auth)
    assert (auth.session_cache.uses, await seen_at(auth, ada)) == ({}, next(iter(newer.values())))


async def test_one_use_that_cannot_be_written_does_not_keep_the_others(
    make_auth: MakeAuth, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    auth = make_auth()
    moment, good = auth.now(), await session_of(auth, ada)
    auth.session_cache.uses = {"no id": moment, good: moment}  # type: ignore[dict-item]
    await sessions.note_seen(auth)
    assert (auth.session_cache.uses, await seen_at(auth, ada)) == ({}, moment)
    assert caplog.text.count("Could not record the last use of a session") == 1
    await auth.close()


async def test_a_locked_session_does_not_stop_writing_the_uses_of_others(world: World, ada: Person) -> None:
    """Say, a transaction of the application that takes its time."""
    auth = world.auth
    if auth.database.is_sqlite:
        pytest.skip("a row is locked there together with all others")
    phone = await world.person(ada.email)
    await phone.login()
    held, free = [await session_of(auth, one) for one in (ada, phone)]
    async with auth.database.engine.connect() as holder:
        await holder.execute(select(Session).where(Session.id == held).with_for_update())
        moment = auth.now()
        auth.session_cache.uses = {held: moment, free: moment}
        async with asyncio.timeout(0.9):  # a lock is waited for a second
            await sessions.note_seen(auth)
    assert auth.session_cache.uses == {}
    assert await seen_at(auth, phone) == moment
