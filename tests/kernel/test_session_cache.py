"""The session cache: cached sessions need no query, and nothing that has changed is used."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Double, cast, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth import Auth
from fam_auth.core.session_cache import CachedSession, SessionCache
from fam_auth.exceptions import Unauthenticated, Unavailable
from fam_auth.repository.data_access.managers import invalidation, purge, sessions, users
from fam_auth.repository.data_access.queries import invalidation as queries
from fam_auth.values import Actor, Client, Session, User
from tests.conftest import MakeAuth
from tests.support.people import OPERATOR, Person, World
from tests.support.statements import asked_of

OpenWorld = Callable[..., Awaitable[World]]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
USER = User(
    uuid4(),
    "ada@example.com",
    email_verified=True,
    name=None,
    locale=None,
    key=None,
    created_at=NOW,
    suspended_at=None,
    suspended_until=None,
)
IDLE = timedelta(days=7)
AT = NOW.timestamp()


def remembered(user: User = USER) -> CachedSession:
    session = Session(uuid4(), user.id, "bearer", (), {}, 1, NOW, NOW, NOW + IDLE, None, None)
    return CachedSession(session, user, AT + 300, IDLE.total_seconds(), AT)


class Watch:
    """A clock in seconds that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def memory(watch: Watch) -> SessionCache:
    """A memory for two tokens, whose feed has just been read."""
    made = SessionCache(2, lambda: AT, watch)
    watch.at = 1
    made.heard(1)
    watch.at = 2
    return made


def test_a_cached_session_is_found_until_it_expires(memory: SessionCache) -> None:
    known = remembered()
    memory.keep("token", known, 2)
    assert memory.find("token", AT) is known
    assert memory.find("other", AT) is None
    assert memory.find("token", known.ends) is None


def test_an_idle_session_is_not_found(memory: SessionCache) -> None:
    known = replace(remembered(), idle=1, seen_at=AT)
    memory.keep("token", known, 2)
    later = AT + 1
    assert memory.find("token", later) is None
    known.seen(later)
    assert memory.find("token", later) is known
    known.seen(known.ends)
    assert memory.find("token", known.ends) is None


def test_the_least_recently_used_goes_first(memory: SessionCache) -> None:
    for token in ("one", "two"):
        memory.keep(token, remembered(), 2)
    memory.find("one", AT)
    memory.keep("three", remembered(), 2)
    assert [memory.find(token, AT) is not None for token in ("one", "two", "three")] == [True, False, True]
    assert len(memory) == 2


def test_a_session_a_user_or_everything_is_invalidated(memory: SessionCache) -> None:
    one, two = remembered(), remembered()
    memory.keep("one", one, 2)
    memory.keep("two", two, 2)
    memory.forget(one.session.id)
    assert (memory.find("one", AT), memory.find("two", AT)) == (None, two)
    memory.forget(USER.id)
    assert memory.find("two", AT) is None
    memory.keep("three", remembered(replace(USER, id=uuid4())), 3)
    memory.forget(None)
    assert len(memory) == 0


@pytest.mark.parametrize("about", ["session", "user", "everybody"])
def test_a_row_read_before_a_change_is_not_cached(memory: SessionCache, watch: Watch, about: str) -> None:
    known = remembered()
    asked_at = watch.at
    watch.at += 1
    memory.forget({"session": known.session.id, "user": USER.id, "everybody": None}[about])
    memory.keep("token", known, asked_at)
    assert len(memory) == 0
    watch.at += 1
    memory.keep("token", known, watch.at)
    assert len(memory) == 1


def test_without_a_current_feed_the_cache_is_not_used(memory: SessionCache, watch: Watch) -> None:
    memory.keep("token", remembered(), 2)
    watch.at = 5.9
    assert memory.find("token", AT) is not None
    watch.at = 6
    assert memory.find("token", AT) is None
    memory.keep("late", remembered(), 6)
    memory.heard(6)
    assert memory.find("token", AT) is None
    watch.at = 7
    memory.keep("token", remembered(), 7)
    assert memory.find("token", AT) is not None
    for moment in range(8, 80):
        watch.at = moment
        memory.heard(moment)
    assert memory.find("token", AT) is not None


def test_invalidations_are_remembered_for_as_long_as_a_query_may_take(watch: Watch) -> None:
    """And no longer, also where the feed is never read: a strict process would remember every change otherwise."""
    memory, session = SessionCache(2, lambda: AT, watch), remembered().session
    assert not memory.was_forgotten(session)
    for about in (session.id, session.user_id, None):
        watch.at += 1000
        memory.forget(about)
        assert memory.was_forgotten(session)
        watch.at += 61
        assert not memory.was_forgotten(session)
    for _ in range(1000):
        watch.at += 1
        memory.forget(uuid4())
    assert len(memory._forgotten) <= 61  # noqa: SLF001 - nothing else tells of it


async def test_after_a_long_gap_everything_is_invalidated(world: World, ada: Person) -> None:
    """What the feed announced during the gap may be purged by now."""
    world.auth.session_cache.clock = lambda: 1e12
    assert None in await invalidation.read(world.auth)
    assert None not in await invalidation.read(world.auth)


async def test_s054_the_feed_of_a_standby_is_not_trusted(
    world: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may lag behind for as long as it likes. A real one: tests/scale."""
    await invalidation.read(world.auth)
    heard = world.auth.session_cache.heard
    monkeypatch.setattr(world.auth.session_cache, "heard", pytest.fail)
    monkeypatch.setattr(queries, "Server", lambda: cast(None, Double()))
    with pytest.raises(Unavailable):
        await invalidation.read(world.auth)
    monkeypatch.setattr(world.auth.session_cache, "heard", heard)


async def test_s050_r006_a_signed_in_request_asks_nothing(world: World, ada: Person) -> None:
    await ada.me()
    asked = asked_of(world.auth)
    for _ in range(3):
        assert (await ada.me()).status_code == 200
    assert asked == []
    assert (await ada.http.post("/auth/logout")).status_code == 204
    assert (await ada.me()).status_code == 401


async def test_the_strict_check_queries_each_time(open_world: OpenWorld) -> None:
    world = await open_world(session_check="strict", email_verification=False)
    ada = await world.person("ada@example.com")
    ada.use((await ada.register()).json()["tokens"])
    asked = asked_of(world.auth)
    for _ in range(3):
        assert (await ada.me()).status_code == 200
    assert len(asked) == 3


async def test_a_caching_process_sees_changes_of_one_that_does_not_cache(
    open_world: OpenWorld, make_auth: MakeAuth
) -> None:
    """Each process has its own settings: the service checks strictly, and a worker reads the feed."""
    world, other = await open_world(session_check="strict", email_verification=False), make_auth()
    ada = await world.person("ada@example.com")
    ada.use((await ada.register()).json()["tokens"])
    token = ada.tokens["access_token"]
    await invalidation.read(other)
    await sessions.current(other, token, "bearer")
    assert (await ada.http.post("/auth/logout")).status_code == 204
    assert None not in await invalidation.read(other)
    with pytest.raises(Unauthenticated):
        await sessions.current(other, token, "bearer")
    world.clock.travel(hours=2)
    for auth in (world.auth, other):
        assert (await purge.purge(auth))["changes"] == (auth is world.auth)
    await other.close()


@pytest.fixture
async def other(world: World, make_auth: MakeAuth) -> Any:
    """Another worker on the same database."""
    auth = make_auth()
    await invalidation.read(auth)
    yield auth
    await auth.close()


async def test_s054_another_worker_hears_of_it(world: World, ada: Person, other: Auth) -> None:
    token = ada.tokens["access_token"]
    session, user = await sessions.current(other, token, "bearer")
    asked = asked_of(other)
    await sessions.current(other, token, "bearer")
    assert asked == []
    await ada.http.patch("/auth/me", json={"name": "Augusta"})
    await invalidation.read(other)
    assert (await sessions.current(other, token, "bearer"))[1].name == "Augusta"
    await users.suspend(world.auth, user.id, OPERATOR)
    await invalidation.read(other)
    with pytest.raises(Unauthenticated):
        await sessions.current(other, token, "bearer")
    await users.restore(world.auth, user.id, OPERATOR)
    await ada.login()
    token = ada.tokens["access_token"]
    await sessions.current(other, token, "bearer")
    await sessions.end(world.auth, {}, "ended_by_administrator", Actor(Client()))
    await invalidation.read(other)
    with pytest.raises(Unauthenticated):
        await sessions.current(other, token, "bearer")
    assert session.user_id == user.id


async def test_a_deleted_user_is_forgotten(world: World, ada: Person, other: Auth) -> None:
    token = ada.tokens["access_token"]
    await sessions.current(other, token, "bearer")
    assert (await ada.http.delete("/auth/me")).status_code == 204
    await invalidation.read(other)
    with pytest.raises(Unauthenticated):
        await sessions.current(other, token, "bearer")


async def test_a_change_that_commits_late_is_not_missed(world: World, ada: Person, other: Auth) -> None:
    """A reader that goes by ids or times alone would miss it: it is older than what was read before."""
    if world.auth.database.is_sqlite:
        pytest.skip("SQLite lets one write at a time")
    bob = await world.person("bob@example.com")
    await bob.register()
    session, _ = await sessions.current(other, ada.tokens["access_token"], "bearer")
    async with AsyncSession(world.auth.database.engine) as db:
        await sessions.end(world.auth, {"id": session.id}, "logout", Actor(Client()), db=db)
        await bob.verify()
        await invalidation.read(other)
        await invalidation.read(other)
        assert await sessions.current(other, ada.tokens["access_token"], "bearer")
        await db.commit()
    await invalidation.read(other)
    with pytest.raises(Unauthenticated):
        await sessions.current(other, ada.tokens["access_token"], "bearer")


async def test_a_rolled_back_change_invalidates_nothing(world: World, ada: Person) -> None:
    session, _ = await sessions.current(world.auth, ada.tokens["access_token"], "bearer")
    async with AsyncSession(world.auth.database.engine) as db:
        await sessions.end(world.auth, {"id": session.id}, "logout", Actor(Client()), db=db)
        await db.rollback()
    assert (await ada.me()).status_code == 200


async def test_another_database_than_before_is_noticed(world: World, ada: Person, other: Auth) -> None:
    await sessions.current(other, ada.tokens["access_token"], "bearer")
    assert len(other.session_cache) == 1
    other.session_cache.cursor.position = 2**61
    await invalidation.read(other)
    assert len(other.session_cache) == 0


async def test_another_server_than_before_is_noticed(world: World, ada: Person, other: Auth) -> None:
    """After a failover, the cache may contain what the new primary never announced, whatever its positions are."""
    await sessions.current(other, ada.tokens["access_token"], "bearer")
    other.session_cache.cursor.server = -1.0
    assert None in await invalidation.read(other)
    assert len(other.session_cache) == 0
    assert None not in await invalidation.read(other)


async def test_what_every_worker_has_read_is_purged(world: World, ada: Person) -> None:
    await ada.http.patch("/auth/me", json={"name": "Augusta"})
    assert (await purge.purge(world.auth))["changes"] == 0
    world.clock.travel(hours=2)
    assert (await purge.purge(world.auth))["changes"] >= 1


async def test_the_feed_is_read_while_the_application_runs(world: World, ada: Person, other: Auth) -> None:
    """A change that another worker made, within a second."""
    await ada.me()
    user = await users.found(other, ada.email)
    await users.suspend(other, user.id, OPERATOR)
    await asyncio.sleep(1)
    assert (await ada.me()).status_code == 401


async def test_the_cache_is_not_used_while_the_feed_cannot_be_read(world: World, ada: Person) -> None:
    await ada.me()
    table = "auth_change" if world.auth.database.is_sqlite else "fam_auth.auth_change"
    await world.auth.database.rows(text(f"ALTER TABLE {table} RENAME TO away"))
    assert (await ada.me()).status_code == 200
    with pytest.raises((Unavailable, ProgrammingError)):
        await invalidation.read(world.auth)
    world.auth.session_cache.clock = lambda: 1e12
    asked = asked_of(world.auth)
    assert (await ada.me()).status_code == 200
    assert len(asked) == 1
