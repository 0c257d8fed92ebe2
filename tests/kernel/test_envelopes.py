"""A mail goes from one address to one address, whatever its texts say: the envelope is exactly what was typed."""

import email
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.headerregistry import Address
from email.policy import default
from email.utils import getaddresses
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from fam_auth import Auth
from fam_auth.core import headers
from fam_auth.core.mail import Mail, MailFailed, carrier
from fam_auth.core.settings import Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password import Password
from fam_auth.models import Event, Outbox
from fam_auth.repository.data_access.managers import outbox, worker
from fam_auth.values import Client
from tests.conftest import SECRETS
from tests.support.people import PASSWORD, Person, World
from tests.support.service import free_port

# The shape of an answer does not depend on the database.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
WIDE: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}
MAIL = Mail("verify_email", "a <a@x.com>", "b@x.com", "Hi", "text ü\n", "<p>html</p>", "<1@x.com>")
DECEPTIVE = "=?utf-8?q?attacker=40evil.example=2c?=foo@corp.example"
BROKEN = "=?utf-8?q?attacker=0a?=foo@corp.example"


class Sink:
    """An SMTP server that keeps each envelope as it was received."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope)
        return "250 OK"

    def headers(self) -> email.message.EmailMessage:
        """The headers of the newest mail."""
        content = self.got[-1].content
        assert isinstance(content, bytes)
        return email.message_from_string(content.decode(), policy=default)


@pytest.fixture(params=[True])
def smtp(request: pytest.FixtureRequest) -> Iterator[tuple[Sink, str]]:
    """A mail server with SMTPUTF8, or without."""
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port, enable_SMTPUTF8=request.param)
    controller.start()
    yield sink, f"smtp://127.0.0.1:{port}"
    controller.stop()


async def test_nobody_registers_or_moves_to_an_encoded_word(world: World, ada: Person) -> None:
    for address in (DECEPTIVE, BROKEN):
        stranger = await world.person(address)
        assert (await stranger.register()).status_code == 422
        body = {"email": address, "password": PASSWORD}
        assert (await ada.http.post("/auth/email/change", json=body)).status_code == 422
        for path in ("/auth/password/forgot", "/auth/email/resend"):
            assert (await ada.http.post(path, json={"email": address})).status_code == 422
    assert {mail.recipient for mail in world.mailbox.mails} == {ada.email}


@pytest.mark.parametrize("goes_by_smtp", [True, False])
@pytest.mark.parametrize("address", [DECEPTIVE, BROKEN])
async def test_an_encoded_word_stored_earlier_gets_no_mail(
    world: World, smtp: tuple[Sink, str], address: str, goes_by_smtp: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It was registered before it was refused: the mail is given up, and the next one goes out."""
    sink, url = smtp
    bob = await world.person("bob@example.com")
    letter = outbox.Letter("refresh_reused", address, {}, world.auth.until(timedelta(days=1)))
    await world.auth.database.rows(outbox.post(world.auth, None, letter, Client()))
    await bob.register()
    if goes_by_smtp:
        world.auth.carrier = carrier(url)
    assert await worker.deliver(world.auth) == 2
    assert [mail.recipient for mail in world.mailbox.mails] == ([] if goes_by_smtp else [bob.email])
    assert [envelope.rcpt_tos for envelope in sink.got] == ([[bob.email]] if goes_by_smtp else [])
    outcomes = [row.outcome for row in await world.auth.database.rows(select(Outbox.outcome).order_by(Outbox.id))]
    assert outcomes == ["mail.failed", "sent"]
    [event] = await world.auth.database.rows(select(Event.detail).where(Event.kind == "mail.failed"))
    assert event.detail == {"mail": "refresh_reused"}
    [line] = [record.getMessage() for record in caplog.records if record.name == "fam_auth.outbox"]
    assert line.endswith("of kind refresh_reused was given up: the recipient is not a single plain address")


@pytest.mark.parametrize(
    "recipient", [DECEPTIVE, BROKEN, "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", ""]
)
async def test_a_mail_to_anything_but_one_address_is_never_sent(smtp: tuple[Sink, str], recipient: str) -> None:
    sink, url = smtp
    with pytest.raises(MailFailed, match="the recipient is not a single plain address") as failed:
        await carrier(url).carry(replace(MAIL, recipient=recipient))
    assert failed.value.permanent
    assert sink.got == []


async def test_a_mail_from_anything_but_one_address_is_never_sent(smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    with pytest.raises(MailFailed, match="the sender is not a single plain address"):
        await carrier(url).carry(replace(MAIL, sender="a@b.example, c@d.example"))
    assert sink.got == []


async def test_the_finished_message_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the mail library does to an address: a mail that would go elsewhere is not sent."""
    monkeypatch.setattr(headers, "mailbox", lambda *_: f"{DECEPTIVE}")
    with pytest.raises(MailFailed, match="its headers would be read as different addresses"):
        MAIL.as_message()
    message = email.message.EmailMessage()
    message["To"] = "b@x.com, c@x.com"
    assert not headers.is_read_as(message, {"To": "b@x.com"})
    assert not headers.is_read_as(message, {"From": "b@x.com"})


async def test_a_mail_that_cannot_be_built_is_given_up() -> None:
    with pytest.raises(MailFailed, match=r"the message cannot be built \(UnicodeEncodeError\)") as failed:
        replace(MAIL, text="\ud800").as_message()
    assert failed.value.permanent


NAMES = [
    "Acme",
    "Acme, Inc.",
    "admin@evil.example",
    "evil@evil.example, Acme <evil@evil.example>",
    'Acme "The Best" Inc',
    "=?utf-8?q?evil=40evil.example=2c?=",
    "=?utf-8?q?a=0d=0aBcc:_evil=40evil.example?=",
    "Acme\r\nBcc: evil@evil.example",
    "Müller, Söhne & Co.",
    "Acme, Inc. and all of its friends, relations, and everybody@evil.example, and so on, " * 3,
    "\\",
    '"',
    "<",
]


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_of_the_application_changes_sender_or_recipient(
    open_world: OpenWorld, smtp: tuple[Sink, str], name: str
) -> None:
    sink, url = smtp
    world = await open_world(app_name=name)
    await (await world.person("ada@example.com")).register()
    world.auth.carrier = carrier(url)
    await worker.deliver(world.auth)
    [envelope] = sink.got
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@app.example.com", ["ada@example.com"])
    _is_from_one_to_one(sink, "no-reply@app.example.com", "ada@example.com")


def _is_from_one_to_one(sink: Sink, sender: str, recipient: str) -> None:
    read = sink.headers()
    assert [one.addr_spec for one in read["From"].addresses] == [sender]
    assert [one.addr_spec for one in read["To"].addresses] == [recipient]
    assert (read["Cc"], read["Bcc"], read["Sender"]) == (None, None, None)
    raw = sink.got[-1].content
    assert isinstance(raw, bytes)
    old = email.message_from_bytes(raw)
    assert [address for _, address in getaddresses(old.get_all("From", []))] == [sender]
    assert [address for _, address in getaddresses(old.get_all("To", []))] == [recipient]


async def test_a_name_is_shown_as_it_is(open_world: OpenWorld, smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    for given in ("Acme, Inc. <no-reply@example.com>", '"Acme, Inc." <no-reply@example.com>'):
        world = await open_world(mail_from=given, throttle={"mail": "9/1m"})
        await (await world.person(f"n{len(sink.got)}@example.com")).register()
        world.auth.carrier = carrier(url)
        await worker.deliver(world.auth)
        assert sink.got[-1].mail_from == "no-reply@example.com"
        assert sink.headers()["From"] == '"Acme, Inc." <no-reply@example.com>'


@pytest.mark.parametrize("text", ["Acme", "a@b.example, c@d.example", "=?utf-8?q?Acme?= <a@b.example>", "a@"])
def test_a_sender_that_is_not_one_address_stops_the_start(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"FAM_AUTH_MAIL_FROM: .*must be exactly one address, such as no-reply@"):
        Auth("postgresql+psycopg://localhost/app", features=[Password()], **WIDE, mail_from=text)


def test_without_a_sender_it_is_the_application_at_its_host() -> None:
    for url, address in (
        ("https://app.example.com", "no-reply@app.example.com"),
        ("http://127.0.0.1:8000", "no-reply@[127.0.0.1]"),
        ("http://[::1]:8000", "no-reply@[IPv6:::1]"),
    ):
        settings = Settings(**{**WIDE, "public_url": url, "mail_from": ""})
        assert (settings.sender.name, settings.sender.address) == ("fam-auth", address)
        assert replace(MAIL, sender=str(settings.sender), message_id=f"<1@{settings.mail_domain}>").as_message()


async def test_no_text_adds_a_header(smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    evil = "=?utf-8?q?a=0d=0aBcc:_evil=40evil.example?= \r\nBcc: evil@evil.example"
    for name in ("subject", "kind", "message_id", "language"):
        await carrier(url).carry(replace(MAIL, **{name: evil}))
        assert sink.got[-1].rcpt_tos == ["b@x.com"]
        content = sink.got[-1].content
        assert isinstance(content, bytes)
        assert not re.search(rb"^bcc", content, re.IGNORECASE | re.MULTILINE)


async def test_a_unicode_domain_is_sent_as_a_labels(open_world: OpenWorld, smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    world = await open_world(public_url="https://münchen.example")
    ada = await world.person("Ada@Straße.example")
    await ada.register()
    world.auth.carrier = carrier(url)
    await worker.deliver(world.auth)
    [envelope] = sink.got
    assert envelope.mail_from == "no-reply@xn--mnchen-3ya.example"
    assert envelope.rcpt_tos == ["Ada@xn--strae-oqa.example"]
    _is_from_one_to_one(sink, "no-reply@xn--mnchen-3ya.example", "Ada@xn--strae-oqa.example")
    read = sink.headers()
    assert read["Message-ID"].endswith("@xn--mnchen-3ya.example>")
    body = read.get_body(("plain",))
    assert body is not None
    assert "https://xn--mnchen-3ya.example/auth/verify-email#token=" in body.get_content()


async def test_a_unicode_local_part_is_sent_if_the_server_supports_it(smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    await carrier(url).carry(replace(MAIL, recipient="jürgen@münchen.example"))
    assert sink.got[0].rcpt_tos == ["jürgen@xn--mnchen-3ya.example"]
    assert [one.addr_spec for one in sink.headers()["To"].addresses] == ["jürgen@xn--mnchen-3ya.example"]


@pytest.mark.parametrize("smtp", [False], indirect=True)
async def test_a_non_ascii_address_is_given_up_without_smtputf8(smtp: tuple[Sink, str]) -> None:
    sink, url = smtp
    with pytest.raises(
        MailFailed, match=r"^127.0.0.1:\d+ does not accept addresses with non-ASCII .*SMTPUTF8"
    ) as failed:
        await carrier(url).carry(replace(MAIL, recipient="jürgen@münchen.example"))
    assert failed.value.permanent
    assert sink.got == []
    await carrier(url).carry(replace(MAIL, recipient="ada@münchen.example"))
    assert sink.got[0].rcpt_tos == ["ada@xn--mnchen-3ya.example"]


@pytest.mark.parametrize("smtp", [False], indirect=True)
@pytest.mark.parametrize("text", ["x" * 2000, "ü" * 2000])
async def test_the_text_of_a_mail_is_sent_in_seven_bits(smtp: tuple[Sink, str], text: str) -> None:
    sink, url = smtp
    await carrier(url).carry(replace(MAIL, subject=text, text=text, html=text))
    content = sink.got[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(map(len, content.splitlines())) < 998


def test_a_name_that_cannot_be_read_back_is_left_out() -> None:
    """The parser of the email package fails over some names; such a name costs itself and not the mail."""
    name = 'Portal: Accounts; "Secure" Accounts; Inc. ' + "A" * 30 + " &"
    written = str(Address(name, addr_spec="no-reply@example.com"))
    assert replace(MAIL, sender=written).as_message()["From"] == "no-reply@example.com"


def test_a_line_ends_where_a_mail_server_ends_it() -> None:
    body = replace(MAIL, text="\x0b".join(["a" * 500] * 3)).as_message().get_body(("plain",))
    assert body
    assert body["Content-Transfer-Encoding"] == "quoted-printable"


async def test_two_mailboxes_that_look_alike_are_two_accounts(world: World) -> None:
    """Neither of them verifies, resets or signs into the other."""
    sharp, double = await world.person("straße@example.com"), await world.person("strasse@example.com")
    for one in (sharp, double):
        one.password = f"seventeen green llamas of {one.email}"
        assert (await one.register()).status_code == 202
        assert (await one.verify()).status_code == 200
        assert (await one.login()).status_code == 200
    ids = {(await one.me()).json()["id"] for one in (sharp, double)}
    assert len(ids) == 2
    sharp.password = double.password
    assert (await sharp.login()).status_code == 401
