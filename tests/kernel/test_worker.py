"""A failing row of the outbox is retried and fails alone, with a line in the log; the loop continues."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth import events
from fam_auth.auth import Auth
from fam_auth.core.clock import system_clock
from fam_auth.core.mail import Mail, MailFailed, carrier
from fam_auth.core.security import new_secret
from fam_auth.core.supervision import failure_of, reason
from fam_auth.exceptions import FamAuthError, Unavailable
from fam_auth.features.password.events import PasswordResetRequested
from fam_auth.hooks import Errand
from fam_auth.models import Event, Outbox
from fam_auth.repository.data_access.managers import event_jobs, outbox, rekeying, users, worker
from fam_auth.values import Client
from tests.conftest import SECRETS, MakeAuth
from tests.kernel.test_cli import Run, run
from tests.support.people import Person, World
from tests.support.service import free_port

__all__ = ["run"]
OpenWorld = Callable[..., Awaitable[World]]
BROKEN = "=?utf-8?q?attacker=0a?=foo@corp.example"
NEWER = f"2:{new_secret()}"
TICK = timedelta(milliseconds=5)
FAILURES: list[BaseException] = [
    ValueError("address parts cannot contain CR or LF"),
    KeyError("x"),
    AssertionError(),
    RuntimeError("to ada@example.com"),
    OSError(5, "broken"),
    TimeoutError(),
    Unavailable(),
    asyncio.CancelledError(),
]


class Broken:
    """A mail transport of the application that raises for one recipient, and keeps the mails to others."""

    def __init__(self, failure: BaseException, recipient: str = "ada@example.com") -> None:
        self.failure, self.recipient = failure, recipient
        self.mails: list[Mail] = []

    async def carry(self, mail: Mail) -> None:
        if mail.recipient == self.recipient:
            raise self.failure
        self.mails.append(mail)


async def row_of(auth: Auth) -> Row[Any]:
    """The oldest row of the outbox."""
    columns = (Outbox.id, Outbox.due_at, Outbox.tries, Outbox.done_at, Outbox.outcome, Outbox.content, Outbox.kind)
    return (await auth.database.rows(select(*columns).order_by(Outbox.id)))[0]


async def post(auth: Auth, recipient: str) -> None:
    """A waiting mail that expires after a day."""
    letter = outbox.Letter("refresh_reused", recipient, {}, auth.until(timedelta(days=1)))
    await auth.database.rows(outbox.post(auth, None, letter, Client()))


async def kinds_of(auth: Auth) -> list[str]:
    """The events that tell of mails."""
    rows = await auth.database.rows(select(Event.kind).where(Event.kind.like("mail.%")).order_by(Event.id))
    return [row.kind for row in rows]


def lines(caplog: pytest.LogCaptureFixture, name: str = "fam_auth.outbox") -> list[str]:
    """The messages in the log, each once."""
    found = [record.getMessage() for record in caplog.records if record.name == name]
    caplog.clear()
    return found


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_one_row_whose_carrier_raises_is_put_off_and_given_up(
    world: World, caplog: pytest.LogCaptureFixture, failure: BaseException
) -> None:
    auth, broken = world.auth, Broken(failure)
    auth.carrier = broken
    for recipient in ("ada@example.com", "bob@example.com"):
        await post(auth, recipient)
    assert await worker.deliver(auth) == 2
    assert [mail.recipient for mail in broken.mails] == ["bob@example.com"]
    first = await row_of(auth)
    [line] = lines(caplog)
    assert line == f"Mail {first.id} of kind refresh_reused failed and will be retried: {reason(failure)}"
    assert "ada@example.com" not in line
    assert await worker.deliver(auth) == 0
    pauses = []
    while not (row := await row_of(auth)).done_at:
        pauses.append((row.due_at - auth.now()).total_seconds())
        world.clock.travel(seconds=pauses[-1])
        assert await worker.deliver(auth) == 1
    assert pauses == pytest.approx([*(5 * 2**n for n in range(10)), *[3600] * (len(pauses) - 10)], abs=1)
    assert 28 < row.tries < 35
    assert row.outcome == "mail.failed"
    assert row.content is not None
    assert await kinds_of(auth) == ["mail.failed"]
    said = lines(caplog)
    assert len(said) == row.tries - 1
    assert said[-1] == f"Mail {row.id} of kind refresh_reused was given up: {reason(failure)}"
    assert (await outbox.listed(auth, None, 10, done=True)).items[0].id == row.id


async def test_one_row_that_cannot_be_opened_does_not_stop_the_mail_worker(
    world: World, make_auth: MakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    """It was sealed by a secret that was dropped. Put back in time, it is sent."""
    await post(world.auth, "ada@example.com")
    other = make_auth(secrets=NEWER)
    await post(other, "bob@example.com")
    assert await worker.deliver(other) == 2
    assert [mail.recipient for mail in world.mailbox.mails] == ["bob@example.com"]
    begin = f"Mail {(await row_of(other)).id} of kind refresh_reused failed and will be retried: "
    assert lines(caplog) == [begin + "it is encrypted with a secret that is not in FAM_AUTH_SECRETS"]
    assert await worker.deliver(other) == 0
    world.clock.travel(seconds=5)
    assert await worker.deliver(world.auth) == 1
    assert world.mailbox.mails[-1].recipient == "ada@example.com"
    await other.close()


async def test_a_request_that_cannot_be_opened_is_given_up(world: World, ada: Person, make_auth: MakeAuth) -> None:
    await world.mails(ada.email)
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    other = make_auth(secrets=NEWER)
    for _ in range(20):
        await worker.deliver(other)
        other.now.travel(minutes=5)  # type: ignore[attr-defined]
    failed = (await other.database.rows(select(Outbox.kind).where(Outbox.outcome == "mail.failed")))[0]
    assert failed.kind == outbox.REQUEST
    await other.close()


async def test_a_listener_that_raises_puts_off_its_request_alone(
    world: World, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    bob, is_broken = await world.person("bob@example.com"), True
    await bob.register()
    await bob.verify()
    await world.mails(bob.email)

    @world.auth.on(PasswordResetRequested)
    async def hear(event: PasswordResetRequested, db: AsyncSession) -> None:
        if is_broken and event.user_id == (await users.found(world.auth, ada.email)).id:
            raise LookupError("no such customer")

    caplog.clear()
    for one in (ada, bob):
        await one.http.post("/auth/password/forgot", json={"email": one.email})
    assert await worker.deliver(world.auth) == 2
    [line] = lines(caplog)
    assert line.endswith("of kind request failed and will be retried: LookupError")
    assert len(await world.mails(bob.email, "reset_password")) == 1
    assert await world.mails(ada.email, "reset_password") == []
    is_broken = False
    world.clock.travel(seconds=5)
    assert len(await world.mails(ada.email, "reset_password")) == 1


async def test_a_request_of_a_feature_that_is_not_loaded_is_left_for_a_worker_that_has_it(
    world: World, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    request = outbox.Request(events.class_of("pager.asked_for"), ada.email, Client())
    async with world.auth.transaction() as db:
        await world.auth.database.together(db, outbox.ask(world.auth, request))
    assert await worker.deliver(world.auth) == 1
    [line] = lines(caplog)
    assert line.endswith("failed and will be retried: no loaded feature declares the event pager.asked_for")


async def test_a_listener_that_never_ends_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "CLOSE_DEADLINE", timedelta(milliseconds=50))
    never = asyncio.Event()

    @world.auth.on(events.MailFailed)
    async def hear(event: object, db: AsyncSession) -> None:
        await never.wait()

    world.auth.carrier = Broken(MailFailed("550", permanent=True))
    await post(world.auth, "ada@example.com")
    assert await asyncio.wait_for(worker.deliver(world.auth), 10) == 1
    assert lines(caplog)[-1].endswith("could not be marked as given up: TimeoutError")
    assert (await row_of(world.auth)).done_at is None


async def test_a_listener_that_undoes_the_end_of_a_mail_is_asked_with_pauses(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    is_broken = True

    @world.auth.on(events.MailFailed, events.MailExpired)
    async def hear(event: object, db: AsyncSession) -> None:
        if is_broken:
            raise LookupError

    world.auth.carrier = Broken(MailFailed("550", permanent=True))
    await post(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 1
    row = await row_of(world.auth)
    begin = f"Mail {row.id} of kind refresh_reused "
    assert lines(caplog) == [f"{begin}was given up: 550", f"{begin}could not be marked as given up: LookupError"]
    assert await worker.deliver(world.auth) == 0
    world.clock.travel(days=2)
    assert await worker.deliver(world.auth) == 1
    assert lines(caplog) == [
        f"{begin}was given up: LookupError",
        f"{begin}could not be marked as given up: LookupError",
    ]
    assert await worker.deliver(world.auth) == 0
    is_broken = False
    world.clock.travel(days=1)
    assert await worker.deliver(world.auth) == 1
    assert (await row_of(world.auth)).outcome == "mail.expired"


async def test_the_log_names_the_mail_server(world: World, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    world.auth.carrier = carrier(f"smtp://127.0.0.1:{port}")
    await post(world.auth, "ada@example.com")
    await worker.deliver(world.auth)
    [line] = lines(caplog)
    assert line.endswith(f"of kind refresh_reused failed and will be retried: 127.0.0.1:{port}: SMTPConnectError")


async def test_a_carrier_that_hangs_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DEADLINE", timedelta(milliseconds=20))
    assert timedelta(seconds=10) < worker.LEASE / 2 < worker.LEASE

    class Hanging:
        async def carry(self, _: Mail) -> None:
            await asyncio.sleep(60)

    world.auth.carrier = Hanging()
    await post(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 1
    assert (await row_of(world.auth)).done_at is None


async def test_where_putting_off_fails_the_lease_brings_it_back(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away just then."""
    rows, is_away = world.auth.database.rows, False

    class Leaving(Broken):
        async def carry(self, mail: Mail) -> None:
            nonlocal is_away
            is_away = True
            await super().carry(mail)

    async def asked(*args: Any) -> Any:
        if is_away:
            raise Unavailable
        return await rows(*args)

    monkeypatch.setattr(world.auth.database, "rows", asked)
    world.auth.carrier = Leaving(RuntimeError())
    await post(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 1
    again, cannot = lines(caplog)
    assert "failed and will be retried: RuntimeError" in again
    assert "could not be rescheduled: The service is temporarily unavailable" in cannot
    is_away = False
    assert await worker.deliver(world.auth) == 0
    world.auth.carrier = world.mailbox
    world.clock.travel(seconds=worker.LEASE.total_seconds())
    assert await worker.deliver(world.auth) == 1
    assert len(world.mailbox.mails) == 1


async def test_the_loops_go_on_whatever_happens(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, raised = world.auth.database.rows, [RuntimeError("x"), Unavailable(), asyncio.CancelledError()]

    async def asked(*args: Any) -> Any:
        if raised:
            raise raised.pop(0)
        return await rows(*args)

    await post(world.auth, "ada@example.com")
    monkeypatch.setattr(world.auth.database, "rows", asked)
    stopping = asyncio.Event()
    with caplog.at_level(logging.DEBUG, "fam_auth.outbox"):
        working = asyncio.create_task(worker.work(world.auth, stopping, TICK))
        async with asyncio.timeout(5):
            while not world.mailbox.mails:  # noqa: ASYNC110 - it is the worker that fills it
                await asyncio.sleep(0.01)
    stopping.set()
    await working
    told = [(record.levelname, record.getMessage().rpartition(": ")[2]) for record in caplog.records]
    assert ("ERROR", "RuntimeError") in told
    assert ("ERROR", "CancelledError") in told
    assert [level for level, said in told if said.startswith("The service is temporarily unavailable")] == ["DEBUG"]


async def test_a_worker_that_is_cancelled_ends(world: World) -> None:
    hanging = asyncio.Event()

    class Hanging:
        async def carry(self, _: Mail) -> None:
            hanging.set()
            await asyncio.sleep(60)

    world.auth.carrier = Hanging()
    await post(world.auth, "ada@example.com")
    working = asyncio.create_task(worker.work(world.auth, asyncio.Event(), TICK))
    await asyncio.wait_for(hanging.wait(), 5)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, 5)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_one_errand_that_raises_is_put_off_alone(
    world: World, caplog: pytest.LogCaptureFixture, failure: BaseException
) -> None:
    told: list[str] = []

    async def fail(_: object) -> None:
        raise failure

    async def note(event: Any) -> None:
        told.append(event.kind)

    for name, perform in (("broken", fail), ("sound", note)):
        world.auth.errand(Errand(name, lambda kind: kind == events.UserCreated.kind, perform))
    await users.create(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 2
    assert told == ["user.created"]
    [waiting] = await event_jobs.listed(world.auth, "", 10)
    assert (waiting["name"], waiting["state"], waiting["reason"]) == ("broken", "waiting", reason(failure))
    assert lines(caplog, "fam_auth.errands") == [
        f"Job errand:broken {waiting['id']} failed and will be retried: {reason(failure)}"
    ]


async def test_one_errand_that_cannot_be_opened_stops_neither_the_others_nor_the_list(
    world: World, make_auth: MakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []

    async def note(event: object) -> None:
        told.append(event)

    other = make_auth(secrets=NEWER)
    for number, auth in enumerate((world.auth, other)):
        auth.errand(Errand("mirror", lambda kind: kind == events.UserCreated.kind, note))
        await users.create(auth, f"n{number}@example.com")
    assert await worker.deliver(other) == 2
    assert len(told) == 1
    [line] = lines(caplog, "fam_auth.errands")
    assert line.endswith("failed and will be retried: it is encrypted with a secret that is not in FAM_AUTH_SECRETS")
    [waiting] = await event_jobs.listed(other, "", 10)
    assert (waiting["event"], waiting["event_id"], waiting["state"]) == ("?", "?", "waiting")
    world.clock.travel(days=4)
    await worker.deliver(other)
    [dead] = await event_jobs.listed(other, "", 10)
    assert (dead["state"], dead["reason"]) == (
        "given up",
        "it is encrypted with a secret that is not in FAM_AUTH_SECRETS",
    )
    await other.close()


async def test_an_errand_whose_end_cannot_be_written_comes_back(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, times = world.auth.database.rows, 0

    async def away(*_: Any) -> Any:
        raise Unavailable

    async def note(_: object) -> None:
        nonlocal times
        times += 1
        if times == 1:
            monkeypatch.setattr(world.auth.database, "rows", away)

    world.auth.errand(Errand("mirror", lambda kind: kind == events.UserCreated.kind, note))
    await users.create(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 1
    assert "could not be rescheduled: The service is temporarily unavailable" in lines(caplog, "fam_auth.errands")[-1]
    monkeypatch.setattr(world.auth.database, "rows", rows)
    assert await worker.deliver(world.auth) == 0
    world.clock.travel(seconds=event_jobs.LEASE.total_seconds())
    assert await worker.deliver(world.auth) == 1
    assert times == 2


async def test_a_secret_that_is_missing_does_not_stop_a_rekey(world: World, make_auth: MakeAuth) -> None:
    await post(world.auth, "ada@example.com")
    third = f"3:{new_secret()}"
    old, newer = make_auth(secrets=NEWER), make_auth(secrets=f"{third},{NEWER}")
    await post(old, "bob@example.com")
    [content] = [one for one in await rekeying.rekey(newer) if one.column == "auth_outbox.content"]
    assert (content.encrypted, content.left) == ("1", "1")
    for auth in (old, newer):
        await auth.close()


async def test_a_failure_is_the_failure_of_the_work_and_a_cancellation_that_of_who_waits() -> None:
    async def raising(failure: BaseException) -> None:
        raise failure

    async def waiting() -> None:
        await asyncio.sleep(60)

    assert await failure_of(asyncio.sleep(0)) is None
    broken = RuntimeError()
    assert await failure_of(raising(broken)) is broken
    assert isinstance(await failure_of(raising(asyncio.CancelledError())), asyncio.CancelledError)
    task = asyncio.create_task(failure_of(waiting()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_reason_is_one_short_line_that_any_column_holds() -> None:
    assert reason(FamAuthError("a\r\nb\x00c\ud800" + "d" * 500)) == "a bc" + "d" * 196
    assert reason(ValueError("ada@example.com")) == "ValueError"


def test_a_worker_of_its_own_survives_such_rows(run: Run, make_auth: MakeAuth, tmp_path: Path) -> None:
    """`fam-auth worker`: one row rests on a dropped secret, one is an encoded word, and one can be sent."""

    async def waiting() -> None:
        for secrets, recipients in ((NEWER, ["lost@example.com"]), (SECRETS, [BROKEN, "ada@example.com"])):
            auth = make_auth(secrets=secrets)
            auth.now = system_clock
            for recipient in recipients:
                await post(auth, recipient)
            await auth.close()

    asyncio.run(waiting())
    command = [sys.executable, "-m", "fam_auth.cli", "worker"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(200):
            if list((tmp_path / "mails").glob("*.eml")) and json.loads(run("outbox", "list", "--given-up", "--json")):
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
        assert process.returncode == 0
    assert "failed and will be retried: it is encrypted with a secret that is not in FAM_AUTH_SECRETS" in said
    assert "was given up: the recipient is not a single plain address" in said
    [mail] = (tmp_path / "mails").glob("*.eml")
    assert "To: ada@example.com" in mail.read_text()
    assert mail.stat().st_mode & 0o777 == 0o600
    [left] = json.loads(run("outbox", "list", "--json"))
    assert left["tries"] == "1"
