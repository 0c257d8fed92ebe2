"""Requests and mails take turns: a network with many requests does not delay those of others."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fam_auth.events import LoginGuessed
from fam_auth.features.password.events import PasswordResetRequested
from fam_auth.models import Outbox
from fam_auth.repository.data_access.managers import emails, outbox, worker
from fam_auth.repository.data_access.managers.outbox import Letter, Request
from fam_auth.repository.data_access.queries import turns
from fam_auth.values import Client
from tests.support.people import Person, World

FLOOD = 800


async def ask(world: World, network: str, *addresses: str) -> None:
    """A client in this network requests a reset for each address."""
    client = Client(network)
    for address in addresses:
        request = Request(PasswordResetRequested, address, client)
        async with world.auth.transaction() as db:
            await world.auth.database.together(db, outbox.ask(world.auth, request))


async def flood(world: World, kind: str, many: int, *sources: str) -> None:
    """As many due rows of each source as given, older than every later request."""
    now = world.auth.now() - timedelta(minutes=10)
    row: dict[str, Any] = {"kind": kind, "content": "x", "tries": 0, "created_at": now, "due_at": now}
    row["expires_at"] = now + timedelta(days=1)
    rows = [{**row, "id": world.auth.new_id(), "source": source} for source in sources for _ in range(many)]
    async with world.auth.transaction() as db:
        await db.execute(insert(Outbox), rows)


async def lease(world: World, limit: int = 10) -> Sequence[Row[Any]]:
    """What one worker would take now."""
    auth, now = world.auth, world.auth.now()
    first = turns.start(auth.keys.version)
    return await auth.database.rows(turns.lease(now, now + timedelta(minutes=5), limit, first))


async def source_of(world: World, row: Row[Any]) -> str:
    found = await world.auth.database.row(select(Outbox.source).where(Outbox.id == row.id))
    assert found
    return str(found.source)


async def test_a_network_with_800_requests_does_not_delay_the_mail_of_another(world: World, ada: Person) -> None:
    await world.mails(ada.email)
    await ask(world, "198.51.100.1", *(f"nobody{number}@example.com" for number in range(FLOOD)))
    await ask(world, "203.0.113.7", ada.email)
    # One batch answers it, whatever waits before it, and the next one sends the mail.
    for _ in range(2):
        await worker.deliver(world.auth)
    assert [mail.kind for mail in world.mailbox.mails if mail.recipient == ada.email][-1] == "reset_password"
    left = await world.auth.database.row(select(func.count()).where(Outbox.done_at.is_(None)))
    assert left
    assert left[0] > FLOOD - 20


async def test_mails_do_not_wait_for_requests_and_requests_are_not_starved(world: World) -> None:
    await flood(world, "request", 100, *(f"1.{number:064x}" for number in range(20)))
    client, until = Client("203.0.113.7"), world.auth.until(timedelta(hours=1))
    for number in range(20):
        letter = Letter("password_changed", f"ada{number}@example.com", {}, until)
        async with world.auth.transaction() as db:
            await world.auth.database.together(db, outbox.post(world.auth, None, letter, client))
    taken = Counter(row.kind for row in await lease(world))
    assert taken == {"password_changed": 8, "request": 2}
    taken += Counter(row.kind for row in await lease(world))
    assert taken == {"password_changed": 16, "request": 4}
    taken += Counter(row.kind for row in await lease(world))
    assert taken == {"password_changed": 20, "request": 10}


async def test_every_network_has_its_turn(world: World) -> None:
    """More networks than a batch, which all came before: none is always first, and none never."""
    sources = [f"1.{hashlib.sha256(bytes([number])).hexdigest()}" for number in range(40)]
    await flood(world, "request", 100, *sources)
    served = Counter[str]()
    for _ in range(80):
        taken = [await source_of(world, row) for row in await lease(world)]
        assert len(set(taken)) == len(taken) == 10
        served.update(taken)
    assert set(served) == set(sources)


async def test_a_network_alone_has_half_a_batch_and_nothing_is_left(world: World) -> None:
    await flood(world, "request", 12, f"1.{7:064x}")
    assert [len(await lease(world)) for _ in range(4)] == [5, 5, 2, 0]


async def test_rows_of_the_previous_version_are_handled_too(world: World, ada: Person) -> None:
    await world.mails(ada.email)
    await ask(world, "203.0.113.7", ada.email)
    await world.auth.database.rows(update(Outbox).values(source=""))
    assert [mail.kind for mail in await world.mails(ada.email)][-1] == "reset_password"


async def test_event_jobs_do_not_delay_mails(world: World) -> None:
    await flood(world, "errand:pager", 100, turns.ERRANDS)
    await flood(world, "errand:pager", 100, turns.MAILS)
    assert await lease(world) == []


async def test_workers_at_once_take_each_row_once(world: World) -> None:
    await flood(world, "request", 10, *(f"1.{number:064x}" for number in range(20)))
    await flood(world, "password_changed", 100, turns.MAILS)
    taken = Counter[Any]()
    while len(taken) < 300:
        found = await asyncio.gather(*(lease(world) for _ in range(5)))
        taken.update(row.id for rows in found for row in rows)
    assert set(taken.values()) == {1}
    assert await lease(world) == []


async def test_the_network_of_a_request_is_kept_as_a_digest(world: World) -> None:
    await ask(world, "203.0.113.7", "a@example.com", "b@example.com")
    await ask(world, "203.0.113.8", "a@example.com")
    await emails.ask(world.auth, Request(LoginGuessed, "c@example.com", Client()))
    rows = await world.auth.database.rows(select(Outbox.source).where(Outbox.kind == outbox.REQUEST))
    assert sorted(Counter(row.source for row in rows).values()) == [1, 1, 2]
    assert "203.0" not in str(rows)
    assert all(row.source > turns.ERRANDS for row in rows)


async def test_requests_come_to_their_turn_when_a_single_slot_is_free(world: World) -> None:
    """The other slots are busy with mails that a server takes its time for."""
    await flood(world, "request", 200, f"1.{7:064x}")
    await flood(world, "password_changed", 200, turns.MAILS)
    taken = Counter([row.kind for _ in range(100) for row in await lease(world, 1)])
    assert taken.total() == 100
    # Each is a request in one of five cases: 20 are to be expected, and 2 or 50 once in ten million times.
    assert 2 < taken["request"] < 50


async def test_neighbours_come_to_their_turn_when_a_single_slot_is_free(world: World) -> None:
    """However near they are in the order of their digests."""
    sources = [f"1.{number:064x}" for number in (7, 8)]
    await flood(world, "request", 100, *sources)
    served = Counter([await source_of(world, row) for _ in range(60) for row in await lease(world, 1)])
    assert served.total() == 60
    assert min(served[source] for source in sources) > 5
