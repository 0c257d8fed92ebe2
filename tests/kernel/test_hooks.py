"""The hooks of an application: listeners in the transaction of an event, and event jobs after its commit."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fam_auth import Auth, User, events, models
from fam_auth.exceptions import Forbidden, Misconfigured, NotFound
from fam_auth.hooks import Errand
from fam_auth.repository.data_access.managers import event_jobs, outbox, sessions, users, worker
from fam_auth.repository.data_access.managers import events as journal
from fam_auth.repository.data_access.managers.event_jobs import ErrandFailed
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.values import EventFilter
from tests.conftest import MakeAuth
from tests.support.people import OPERATOR, Clock, Person, World

OpenWorld = Callable[..., Awaitable[World]]


class Host(DeclarativeBase):
    pass


class Profile(Host):
    __tablename__ = "profile"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(models.User.id, ondelete="CASCADE"), primary_key=True)
    greeting: Mapped[str] = mapped_column(unique=True)


async def with_profiles(auth: Auth) -> None:
    async with auth.transaction() as db:
        await (await db.connection()).run_sync(Host.metadata.create_all)


async def profiles(auth: Auth) -> list[tuple[UUID, str]]:
    async with auth.transaction() as db:
        return [(row.user_id, row.greeting) for row in await db.execute(select(Profile.user_id, Profile.greeting))]


async def test_writes_of_a_listener_are_committed_with_the_event(world: World) -> None:
    await with_profiles(world.auth)

    @world.auth.on(events.UserCreated)
    async def greet(event: events.UserCreated, db: AsyncSession) -> None:
        db.add(Profile(user_id=event.user_id, greeting=f"hello {event.kind}"))

    user = await users.create(world.auth, "ada@example.com")
    assert await profiles(world.auth) == [(user.id, "hello user.created")]
    page = await journal.listed(world.auth, EventFilter(), None, 10)
    assert [row.kind for row in page.items] == ["user.created"]


async def test_a_listener_that_raises_rolls_the_event_back(world: World) -> None:
    await with_profiles(world.auth)
    ada = await users.create(world.auth, "ada@example.com")

    @world.auth.on(events.UserSuspended)
    async def protect(event: events.UserSuspended, db: AsyncSession) -> None:
        db.add(Profile(user_id=event.user_id, greeting="never"))
        await db.flush()
        raise Forbidden("Nobody suspends Ada.")

    with pytest.raises(Forbidden):
        await users.suspend(world.auth, ada.id, OPERATOR)
    assert await profiles(world.auth) == []
    assert (await users.get(world.auth, ada.id)).suspended_at is None


async def test_a_listener_of_a_class_gets_its_subclasses(world: World) -> None:
    heard: list[str] = []

    @world.auth.on(events.Event)
    async def everything(event: events.Event, db: AsyncSession) -> None:
        heard.append(f"all {event.kind}")

    @world.auth.on(events.UserEvent)
    async def of_users(event: events.UserEvent, db: AsyncSession) -> None:
        heard.append(f"user {event.kind}")

    @world.auth.on(events.EmailVerified, events.UserClaimed)
    async def of_mailboxes(event: events.UserEvent, db: AsyncSession) -> None:
        raise AssertionError  # pragma: no cover - no mailbox was proved

    await users.create(world.auth, "ada@example.com")
    await journal.record_alone(world.auth, events.class_of("pager.lost")(at=world.clock()))
    assert heard == ["all user.created", "user user.created", "all pager.lost"]


async def test_an_application_can_declare_its_own_event_class(world: World) -> None:
    class PagerFound(events.UserEvent, kind="pager.found"):
        """A user found their pager."""

    heard: list[PagerFound] = []

    @world.auth.on(PagerFound)
    async def hear(event: PagerFound, db: AsyncSession) -> None:
        heard.append(event)

    await journal.record_alone(world.auth, PagerFound(at=world.clock(), user_id=UUID(int=1), detail={"where": "bus"}))
    [found] = heard
    assert (type(found), found.user_id, dict(found.detail)) == (PagerFound, UUID(int=1), {"where": "bus"})


async def test_event_jobs_run_after_the_commit_and_retries_get_the_same_event(world: World) -> None:
    told: list[events.UserCreated] = []

    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None:
        told.append(event)
        if len(told) == 1:
            raise ConnectionError("the greeter is out")

    @world.auth.after(events.UserDeleted)
    async def part(event: events.UserDeleted) -> None:
        raise AssertionError  # pragma: no cover - nobody leaves

    user = await users.create(world.auth, "ada@example.com", "Ada")
    assert told == []
    assert await worker.deliver(world.auth) == 1
    [waiting] = await event_jobs.listed(world.auth, "", 10)
    assert (waiting["name"], waiting["event"], waiting["state"]) == ("welcome", "user.created", "waiting")
    assert (waiting["reason"], waiting["tries"]) == ("ConnectionError", "1")
    assert await worker.deliver(world.auth) == 0
    world.clock.travel(seconds=5)
    assert await worker.deliver(world.auth) == 1
    first, second = told
    assert first == second
    page = await journal.listed(world.auth, EventFilter(), None, 10)
    assert (first.id, first.user_id) == (page.items[0].id, user.id)
    assert await event_jobs.listed(world.auth, "", 10) == []


async def test_a_rollback_queues_no_event_job(world: World) -> None:
    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None:
        raise AssertionError  # pragma: no cover - nobody was made

    async def make_and_fail() -> None:
        async with world.auth.transaction() as db:
            await users.create(world.auth, "ada@example.com", db=db)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await make_and_fail()
    assert await worker.deliver(world.auth) == 0


async def test_event_jobs_run_for_deleted_users_too(world: World) -> None:
    told: list[str] = []

    @world.auth.after(events.UserEvent, name="mirror")
    async def note(event: events.UserEvent) -> None:
        told.append(event.kind)

    user = await users.create(world.auth, "ada@example.com")
    await users.remove(world.auth, user.id, OPERATOR)
    while await worker.deliver(world.auth):
        pass
    assert sorted(told) == ["user.created", "user.deleted"]


async def test_an_event_job_fails_for_good_and_can_be_resent(world: World) -> None:
    is_up, told = False, list[UUID | None]()

    async def perform(event: events.Event) -> None:
        if not is_up:
            raise ErrandFailed("HTTP 503")
        told.append(event.id)

    world.auth.errand(Errand("mirror.crm", lambda kind: kind == events.UserCreated.kind, perform))
    await users.create(world.auth, "ada@example.com")
    tries = 0
    while (await event_jobs.listed(world.auth, "mirror.", 10))[0]["state"] == "waiting":
        tries += await worker.deliver(world.auth)
        world.clock.travel(hours=1)
    assert 60 < tries < 80
    assert await worker.deliver(world.auth) == 0
    [dead] = await event_jobs.listed(world.auth, "mirror.", 10)
    assert (dead["state"], dead["reason"], dead["tries"]) == ("given up", "HTTP 503", str(tries))
    assert await event_jobs.listed(world.auth, "other.", 10) == []
    with pytest.raises(NotFound):
        await event_jobs.resend(world.auth, "mirror.", UUID(int=0))
    assert await event_jobs.resend(world.auth, "other.", None) == 0
    assert await event_jobs.resend(world.auth, "mirror.", UUID(dead["id"])) == 1
    is_up = True
    assert await worker.deliver(world.auth) == 1
    assert told == [UUID(dead["event_id"])]


async def test_an_event_job_that_hangs_is_cancelled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_jobs, "DEADLINE", timedelta(milliseconds=20))

    @world.auth.after(events.UserCreated)
    async def dawdle(event: events.UserCreated) -> None:
        await asyncio.sleep(60)

    await users.create(world.auth, "ada@example.com")
    await worker.deliver(world.auth)
    [waiting] = await event_jobs.listed(world.auth, "", 10)
    assert waiting["reason"] == "TimeoutError"


async def test_event_jobs_of_another_program_are_left_to_it(world: World, make_auth: MakeAuth) -> None:
    told: list[str] = []

    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None:
        told.append(event.kind)

    await users.create(world.auth, "ada@example.com")
    other = make_auth()
    assert await worker.deliver(other) == 0
    await other.close()
    assert await worker.deliver(world.auth) == 1
    assert told == ["user.created"]


async def test_two_workers_share_the_event_jobs(world: World) -> None:
    told: list[UUID | None] = []

    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None:
        await asyncio.sleep(0.05)
        told.append(event.id)

    for number in range(15):
        await users.create(world.auth, f"user{number}@example.com")
    await asyncio.gather(*(worker.deliver(world.auth) for _ in range(4)))
    while await worker.deliver(world.auth):
        pass
    assert len(told) == len(set(told)) == 15


async def test_two_event_jobs_cannot_have_one_name(world: World) -> None:
    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None: ...

    with pytest.raises(Misconfigured, match="already has a function named welcome"):
        world.auth.after(events.UserDeleted)(welcome)  # type: ignore[arg-type]
    world.auth.after(events.UserCreated, name="welcome again")(welcome)


async def test_claims_of_the_application(world: World, ada: Person) -> None:
    plans = {"ada@example.com": "free"}

    def in_minutes(minutes: int) -> datetime:
        return world.clock() + timedelta(minutes=minutes)

    @world.auth.claims
    async def plan(user: User, db: AsyncSession) -> dict[str, Any]:
        return {"plan": plans[user.email], "until": in_minutes(2)}

    @world.auth.claims
    async def team(user: User, db: AsyncSession) -> dict[str, Any]:
        return {"team": "engines", "until": in_minutes(9)}

    await ada.login()
    assert (await ada.http.get("/auth/session")).json()["claims"] == {"plan": "free", "team": "engines"}
    plans["ada@example.com"] = "gold"
    async with world.auth.transaction() as db:
        await sessions.outdate_claims(world.auth, db, select(models.User.id))
    assert (await ada.http.get("/auth/session")).json()["claims"]["plan"] == "gold"
    plans["ada@example.com"] = "none"
    assert (await ada.http.get("/auth/session")).json()["claims"]["plan"] == "gold"
    world.clock.travel(minutes=3)
    assert (await ada.http.get("/auth/session")).json()["claims"]["plan"] == "none"


async def test_the_worker_sends_mails_while_an_event_job_hangs(world: World) -> None:
    stopping, begun = asyncio.Event(), asyncio.Event()

    @world.auth.after(events.UserRegistered)
    async def dawdle(event: events.UserRegistered) -> None:
        begun.set()
        await stopping.wait()

    await (await world.person("ada@example.com")).register()
    working = asyncio.create_task(worker.work(world.auth, stopping, timedelta(milliseconds=10)))
    await asyncio.wait_for(begun.wait(), 5)
    await (await world.person("bob@example.com")).register()
    for _ in range(500):
        if len(world.mailbox.mails) == 2:
            break
        await asyncio.sleep(0.01)
    assert len(world.mailbox.mails) == 2
    stopping.set()
    await asyncio.wait_for(working, 5)


async def test_event_jobs_are_encrypted_and_name_no_user(world: World, clock: Clock) -> None:
    @world.auth.after(events.UserCreated)
    async def welcome(event: events.UserCreated) -> None: ...

    user = await users.create(world.auth, "ada@example.com")
    [row] = await world.auth.database.rows(queries.undone("", 10))
    assert row.user_id is None
    assert str(user.id) not in row.content
    assert outbox.event_of(world.auth, row).user_id == user.id


async def test_what_many_events_lead_to(world: World) -> None:
    """Imported users come in batches, and each is an event job too."""
    welcomed: list[UUID | None] = []

    @world.auth.after(events.UserAdopted)
    async def welcome(event: events.UserAdopted) -> None:
        welcomed.append(event.user_id)

    people = [await users.create(world.auth, f"{name}@example.com") for name in ("ada", "bob")]
    happened = [events.UserAdopted(at=world.auth.now(), user_id=person.id) for person in people]
    async with world.auth.transaction() as db:
        await journal.record_all(world.auth, db, happened)
    while await worker.deliver(world.auth):
        pass
    assert sorted(welcomed, key=str) == sorted((person.id for person in people), key=str)
