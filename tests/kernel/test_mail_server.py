"""A mail server that refuses or dawdles: what is about one mail ends that mail, and a mail that was taken is sent."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from fam_auth.core import mail
from fam_auth.core.mail import Mail, MailFailed, SmtpCarrier, carrier
from fam_auth.repository.data_access.managers import worker
from tests.kernel.test_worker import lines, post, row_of
from tests.support.mail_server import Post, listening
from tests.support.people import World

MAIL = Mail("verify_email", "a <a@x.com>", "b@x.com", "Hi", "text\n", "<p>html</p>", "<1@x.com>")


@pytest.fixture
async def server() -> Post:
    """It works, unless it is told not to."""
    return Post()


@pytest.fixture
async def smtp(server: Post) -> AsyncIterator[SmtpCarrier]:
    """What hands mails to the server."""
    async with listening(server) as url:
        found = carrier(url)
        assert isinstance(found, SmtpCarrier)
        yield found


@pytest.mark.parametrize(
    ("command", "reply", "named", "permanent"),
    [
        ("greeting", "554 No SMTP service here at the moment", "SMTPConnectResponseError", False),
        ("AUTH", "535 5.7.8 Authentication credentials invalid", "SMTPAuthenticationError", False),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", "SMTPSenderRefused", False),
        ("MAIL", "550 5.7.1 Sender not allowed", "SMTPSenderRefused", False),
        ("RCPT", "530 5.7.0 Authentication required", "SMTPRecipientRefused", False),
        ("RCPT", "450 4.2.0 Greylisted", "SMTPRecipientRefused", False),
        ("RCPT", "550 5.1.1 No such user", "SMTPRecipientRefused", True),
        ("RCPT", "554 5.7.1 Relay access denied", "SMTPRecipientRefused", False),
        ("RCPT", "556 5.1.10 Domain does not accept mail", "SMTPRecipientRefused", True),
        ("DATA", "451 4.3.0 Later", "SMTPDataError", False),
        ("DATA", "550 5.7.1 Blocked by a policy", "SMTPDataError", False),
        ("DATA", "554 5.6.0 Rejected", "SMTPDataError", True),
    ],
)
async def test_only_a_refusal_of_this_mail_is_permanent(
    server: Post, smtp: SmtpCarrier, command: str, reply: str, named: str, permanent: bool
) -> None:
    server.refuses[command] = reply
    with pytest.raises(MailFailed, match=f"^{smtp.name}: {named} {reply[:3]}$") as failed:
        await smtp.carry(MAIL)
    assert failed.value.permanent is permanent


async def test_mails_wait_until_the_password_of_the_mail_server_is_right(
    world: World, server: Post, smtp: SmtpCarrier, caplog: pytest.LogCaptureFixture
) -> None:
    world.auth.carrier = smtp
    recipients = [f"u{number}@example.com" for number in range(3)]
    for recipient in recipients:
        await post(world.auth, recipient)
    server.refuses["AUTH"] = "535"
    assert await worker.deliver(world.auth) == 3
    told = lines(caplog)
    assert len(told) == 3
    assert all(line.endswith(f"failed and will be retried: {smtp.name}: SMTPAuthenticationError 535") for line in told)
    with pytest.raises(MailFailed, match=f"{smtp.name}: SMTPAuthenticationError"):
        await smtp.check()
    del server.refuses["AUTH"]
    world.clock.travel(seconds=5)
    assert await worker.deliver(world.auth) == 3
    assert sorted(server.got) == recipients


async def test_a_mail_whose_final_dot_is_answered_late_is_sent_once(
    world: World, server: Post, smtp: SmtpCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a relay that filters before it answers."""
    monkeypatch.setattr(mail, "SMTP_DEADLINE", timedelta(seconds=1))
    server.waits["DATA"] = 1.3
    await _is_sent_once(world, server, smtp)


async def test_a_mail_whose_server_is_silent_at_the_end_is_sent_once(
    world: World, server: Post, smtp: SmtpCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SMTP_DEADLINE", timedelta(seconds=1))
    monkeypatch.setattr(mail, "QUIT_DEADLINE", timedelta(milliseconds=50))
    server.waits["QUIT"] = 60
    await _is_sent_once(world, server, smtp)
    await smtp.check()


async def test_a_mail_whose_server_is_rude_at_the_end_is_sent_once(
    world: World, server: Post, smtp: SmtpCarrier
) -> None:
    server.refuses["QUIT"] = "500 What?"
    await _is_sent_once(world, server, smtp)


async def _is_sent_once(world: World, server: Post, smtp: SmtpCarrier) -> None:
    world.auth.carrier = smtp
    await post(world.auth, "ada@example.com")
    assert await worker.deliver(world.auth) == 1
    assert (await row_of(world.auth)).outcome == "sent"
    world.clock.travel(hours=1)
    assert await worker.deliver(world.auth) == 0
    assert server.got == ["ada@example.com"]
    assert server.goodbyes == 1


@pytest.mark.parametrize(("command", "limit"), [("RCPT", "SMTP_DEADLINE"), ("DATA", "ANSWER_DEADLINE")])
async def test_a_server_that_dawdles_is_left_without_a_goodbye(
    server: Post, smtp: SmtpCarrier, monkeypatch: pytest.MonkeyPatch, command: str, limit: str
) -> None:
    """Waiting for the answer to QUIT would double the deadline."""
    monkeypatch.setattr(mail, limit, timedelta(seconds=1))
    server.waits[command] = 60
    began = time.monotonic()
    with pytest.raises(MailFailed, match=f"^{smtp.name}: TimeoutError$") as failed:
        await smtp.carry(MAIL)
    assert time.monotonic() - began < 1.9
    assert not failed.value.permanent
    assert server.goodbyes == 0


def test_no_mail_takes_longer_than_its_lease() -> None:
    """Another worker would send it at the same time."""
    assert mail.SMTP_DEADLINE + mail.ANSWER_DEADLINE + mail.QUIT_DEADLINE < worker.DEADLINE
    assert worker.DEADLINE + timedelta(seconds=30) < worker.LEASE
