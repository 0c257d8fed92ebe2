"""The purge deletes in small batches, and skips rows that other transactions have locked."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.core.clock import uuid7
from fam_auth.exceptions import Unavailable
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.models import Event, Session, User
from fam_auth.repository.data_access.managers import purge, users
from fam_auth.repository.data_access.queries import users as queries
from tests.support.people import Person, World

OpenWorld = Callable[..., Awaitable[World]]


async def fill(world: World, many: int) -> None:
    """So many events that are older than the retention."""
    long_ago = world.clock() - timedelta(days=200)
    times = [long_ago + timedelta(seconds=number) for number in range(many)]
    rows = [{"id": uuid7(at), "at": at, "kind": "test", "outcome": "success", "detail": {}} for at in times]
    async with world.auth.transaction() as db:
        await db.execute(insert(Event), rows)


async def test_r029_a_purge_goes_in_batches(world: World, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 100)
    await fill(world, 250)
    ran: list[int] = []

    def note(_: object, cursor: object, statement: str, *__: object) -> None:
        if statement.startswith("DELETE") and "auth_event" in statement:
            ran.append(getattr(cursor, "rowcount", -1))

    event.listen(world.auth.database.engine.sync_engine, "after_cursor_execute", note)
    assert (await purge.purge(world.auth))["events"] == 250
    assert ran == [100, 100, 50]
    left = await world.auth.database.row(select(func.count()).select_from(Event))
    assert left is not None
    assert left[0] >= 3


async def test_both_ways_to_end_a_session_count(world: World, ada: Person) -> None:
    await ada.login()
    await ada.http.post("/auth/logout")
    world.clock.travel(days=200)
    assert (await purge.purge(world.auth))["sessions"] == 2


async def test_a_purge_skips_locked_rows(world: World, ada: Person) -> None:
    if world.auth.database.is_sqlite:
        pytest.skip("SQLite holds the whole database")
    world.clock.travel(days=200)
    async with AsyncSession(world.auth.database.engine) as db:
        translated = {"schema_translate_map": {"fam_auth": "fam_auth"}}
        await db.execute(select(Session.id).with_for_update(), execution_options=translated)
        assert (await purge.purge(world.auth))["sessions"] == 0
    assert (await purge.purge(world.auth))["sessions"] == 1


async def test_a_purge_continues_after_a_blocked_table(world: World, ada: Person) -> None:
    if world.auth.database.is_sqlite:
        pytest.skip("SQLite waits three seconds")
    await ada.login()
    await ada.http.post("/auth/logout")
    world.clock.travel(days=200)
    async with world.auth.database.engine.connect() as connection:
        await connection.exec_driver_sql("LOCK TABLE fam_auth.auth_login IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await purge.purge(world.auth)
    # The tables behind it were purged all the same.
    assert (await purge.purge(world.auth))["sessions"] == 0


async def test_a_locked_user_does_not_keep_a_purge_from_the_others(world: World) -> None:
    if world.auth.database.is_sqlite:
        pytest.skip("SQLite holds the whole database")
    people = [await world.person(f"user-{number}@example.com") for number in range(3)]
    for person in people:
        await person.register()
    world.clock.travel(days=200)
    some = await users.found(world.auth, people[1].email)
    async with world.auth.transaction() as db:
        await db.execute(queries.hold(select(User.id).where(User.id == some.id)))
        assert (await purge.purge(world.auth))["users"] == 2
    assert (await purge.purge(world.auth))["users"] == 1


async def test_a_purge_locks_user_and_address_together(world: World) -> None:
    """Everything else locks the user first: a purge that locked addresses alone could deadlock."""
    if world.auth.database.is_sqlite:
        pytest.skip("SQLite holds the whole database")
    person = await world.person("ada@example.com")
    await person.register()
    world.clock.travel(days=200)
    async with world.auth.transaction() as db, world.auth.transaction() as other:
        await db.execute(queries.unverified(world.clock(), 10))
        free = select(User.id).with_for_update(skip_locked=True)
        assert (await other.execute(free)).all() == []


async def test_a_user_who_has_signed_in_is_not_purged_for_an_unverified_address(open_world: OpenWorld) -> None:
    """They registered while addresses required no verification, which was turned on later."""
    world = await open_world(email_verification=False)
    person = await world.person("ada@example.com")
    assert (await person.register()).status_code == 201
    world.auth.settings = world.auth.settings.model_copy(update={"email_verification": True})
    world.clock.travel(days=8)
    assert (await purge.purge(world.auth))["users"] == 0
    assert (await users.found(world.auth, person.email)).email == person.email


async def test_a_user_whom_the_application_refers_to_does_not_stop_the_purge(open_world: OpenWorld) -> None:
    """By a foreign key without ON DELETE: the tables after the users are purged, and the error is raised at the end."""
    world = await open_world(features=[Password(), Otp()])
    person = await world.person("ada@example.com")
    await person.register()
    user = await users.found(world.auth, person.email)
    schema = "" if world.auth.database.is_sqlite else "fam_auth."
    async with world.auth.database.engine.begin() as connection:
        await connection.execute(text(f"CREATE TABLE host_row (user_id UUID REFERENCES {schema}auth_user (id))"))
        row = {"user": user.id.hex if world.auth.database.is_sqlite else user.id}
        await connection.execute(text("INSERT INTO host_row VALUES (:user)"), row)
    world.clock.travel(days=200)
    ran: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        ran.append(statement)

    event.listen(world.auth.database.autocommit.sync_engine, "after_cursor_execute", note)
    with pytest.raises(IntegrityError):
        await purge.purge(world.auth)
    assert any("auth_otp_trusted_browser" in statement for statement in ran)
