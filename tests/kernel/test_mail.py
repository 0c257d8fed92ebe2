"""Mails: rendered, carried over real SMTP, to files and to the console; kept, repeated, given up, never lost.

One row that cannot be sent: test_worker.py. From one address to one: test_envelopes.py.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from sqlalchemy import select

from fam_auth.core.letters import render
from fam_auth.core.mail import ConsoleCarrier, FileCarrier, Mail, MailFailed, carrier
from fam_auth.exceptions import Misconfigured
from fam_auth.install import running
from fam_auth.models import Event, Outbox
from fam_auth.repository.data_access.managers import worker
from fam_auth.repository.data_access.managers.purge import purge
from tests.conftest import MakeAuth
from tests.support.people import Mailbox, World
from tests.support.service import free_port

OpenWorld = Callable[..., Awaitable[World]]
MAIL = Mail("verify_email", "a <a@x.com>", "b@x.com", "Hi\r\nBcc: evil@x.com", "text ü\n", "<p>html</p>", "<1@x.com>")


class Sink:
    """An SMTP server with given responses."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.reply = "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        if self.reply.startswith("250"):
            self.got.append(envelope)
        return self.reply


@pytest.fixture
def smtp() -> Iterator[tuple[Sink, str]]:
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    yield sink, f"smtp://127.0.0.1:{port}"
    controller.stop()


async def test_over_smtp(smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    await carrier(url).carry(MAIL)
    content = sink.got[0].content
    assert isinstance(content, bytes)
    assert b"X-Fam-Auth-Kind: verify_email" in content
    assert b"Auto-Submitted: auto-generated" in content
    assert b"\r\nBcc:" not in content
    assert sink.got[0].rcpt_tos == ["b@x.com"]


@pytest.mark.parametrize(("reply", "permanent"), [("550 no such user", True), ("451 later", False)])
async def test_refused_over_smtp(smtp: tuple[Sink, str], reply: str, permanent: bool) -> None:
    sink, url = smtp
    sink.reply = reply
    server = url.removeprefix("smtp://")
    with pytest.raises(MailFailed, match=f"^{server}: SMTPDataError {reply[:3]}$") as failed:
        await carrier(url).carry(MAIL)
    assert failed.value.permanent is permanent


async def test_a_mail_server_that_is_down_is_an_error_that_names_it() -> None:
    port = free_port()
    with pytest.raises(MailFailed, match=f"^127.0.0.1:{port}: SMTPConnectError$") as failed:
        await carrier(f"smtp://user:pass@127.0.0.1:{port}").carry(MAIL)
    assert not failed.value.permanent
    with pytest.raises(
        MailFailed, match=rf"FAM_AUTH_MAIL: cannot connect or sign in to the mail server \(\[::1\]:{port}: "
    ):
        await carrier(f"smtp://[::1]:{port}").check()  # type: ignore[attr-defined]


async def test_to_files_and_to_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await FileCarrier(tmp_path / "mails").carry(MAIL)
    assert [path.name for path in (tmp_path / "mails").iterdir()] == ["1_x.com.eml"]
    await FileCarrier(tmp_path / "mails").carry(MAIL)
    await ConsoleCarrier().carry(MAIL)
    assert "text ü" in capsys.readouterr().err
    (tmp_path / "file").touch()
    with pytest.raises(MailFailed):
        await FileCarrier(tmp_path / "file").carry(MAIL)


async def test_mail_transports_that_work_pass_their_check(tmp_path: Path, smtp: tuple[Sink, str]) -> None:
    for url in ("console:", f"file://{tmp_path}/mails", smtp[1]):
        await carrier(url).check()  # type: ignore[attr-defined]
    (tmp_path / "file").touch()
    for url in (f"file://{tmp_path}/file", "smtp://127.0.0.1:1"):
        with pytest.raises(MailFailed, match="FAM_AUTH_MAIL: "):
            await carrier(url).check()  # type: ignore[attr-defined]


async def test_a_mail_server_without_tls_is_a_temporary_failure(smtp: tuple[Sink, str]) -> None:
    with pytest.raises(MailFailed) as failed:
        await carrier(smtp[1].replace("smtp", "smtps")).carry(MAIL)
    assert not failed.value.permanent


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "file:", "smtp://[x"])
def test_an_invalid_mail_transport_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        carrier(url)


def test_an_application_replaces_mail_templates(tmp_path: Path) -> None:
    (tmp_path / "refresh_reused.txt").write_text("Ended\nBy {{ app_name }}")
    context = {"app_name": "<Acme>", "requested_at": "now"}
    written = render((tmp_path,), "refresh_reused", context)
    assert (written.subject, written.text) == ("Ended", "By <Acme>\n")
    assert "&lt;Acme&gt;" in written.html


async def test_mails_wait_for_a_dead_server_and_stay_the_same(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    failing = Failing(permanent=False)
    world.auth.carrier = failing
    assert await worker.deliver(world.auth) == 1
    assert await worker.deliver(world.auth) == 0
    world.clock.travel(seconds=6)
    assert await worker.deliver(world.auth) == 1
    world.auth.carrier = world.mailbox
    world.clock.travel(hours=1)
    assert len(await world.mails("ada@example.com")) == 1
    assert {mail.message_id for mail in failing.tried} == {world.mailbox.mails[0].message_id}
    assert (await ada.verify()).status_code == 200


async def test_refused_and_expired_mails_fail_for_good(world: World) -> None:
    ada, bob = await world.person("ada@example.com"), await world.person("bob@example.com")
    await ada.register()
    world.auth.carrier = Failing(permanent=True)
    await worker.deliver(world.auth)
    await bob.register()
    world.clock.travel(hours=25)
    await worker.deliver(world.auth)
    rows = await world.auth.database.rows(select(Outbox.outcome, Outbox.content).order_by(Outbox.id))
    assert [(row.outcome, row.content is None) for row in rows] == [("mail.failed", False), ("mail.expired", True)]
    kinds = await world.auth.database.rows(select(Event.kind).where(Event.outcome == "failure"))
    assert sorted(row.kind for row in kinds) == ["mail.expired", "mail.failed"]
    world.clock.travel(days=91)
    gone = await purge(world.auth)
    assert (gone["outbox"], gone["one_time_tokens"], gone["events"]) == (2, 2, 4)


async def test_nothing_in_the_outbox_can_be_read(world: World) -> None:
    ada = await world.person("ada@example.com")
    await ada.register()
    [row] = await world.auth.database.rows(select(Outbox.content))
    version, key, _, sealed = row.content.split(".")
    assert (version, key) == ("v1", "1")
    assert b"ada@example" not in base64.b64decode(sealed)


async def test_the_worker_of_the_lifespan_sends(make_auth: MakeAuth, mailbox: Mailbox, world: World) -> None:
    await (await world.person("ada@example.com")).register()
    async with running(make_auth()):
        for _ in range(100):
            if mailbox.mails:
                break
            await asyncio.sleep(0.02)
    assert [mail.recipient for mail in mailbox.mails] == ["ada@example.com"]


class Failing:
    """A mail transport with a dead server."""

    def __init__(self, *, permanent: bool) -> None:
        self.permanent = permanent
        self.tried: list[Mail] = []

    async def carry(self, mail: Mail) -> None:
        self.tried.append(mail)
        raise MailFailed("dead", permanent=self.permanent)


async def test_a_broken_template_delays_only_its_own_mail(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "verify_email.txt").write_text("Hello\n{{ nobody_knows_this }}\n")
    world = await open_world(mail_templates=tmp_path)
    ada = await world.person("ada@example.com")
    await ada.register()
    assert await worker.deliver(world.auth) == 1
    assert world.mailbox.mails == []
    (tmp_path / "verify_email.txt").write_text("Hello\n{{ code }}\n")
    world.clock.travel(seconds=5)
    assert await worker.deliver(world.auth) == 1
    assert [mail.subject for mail in world.mailbox.mails] == ["Hello"]
