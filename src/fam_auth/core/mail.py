"""Mails to one recipient, and the mail transports: console, files and SMTP."""

import asyncio
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from fam_auth.core import headers, hosts
from fam_auth.core.addresses import Sender, parse, sender
from fam_auth.core.languages import ENGLISH
from fam_auth.exceptions import FamAuthError, Misconfigured

# The first two digits of a reply that will not change and is about the mail (RFC 5321, 4.2.1). Others that begin with 5
# are about us: 530 asks for a sign-in, 503 for another order, whichever command they answer.
PERMANENT = 55
# From the first packet until the server has accepted sender and recipient.
SMTP_DEADLINE = timedelta(seconds=10)
# From DATA to the answer to the final dot. RFC 5321, 4.5.3.2.6 recommends ten minutes, because the server may have
# accepted the mail by the time we give up, and gets it a second time. A minute is enough for the filters of a relay.
ANSWER_DEADLINE = timedelta(seconds=60)
QUIT_DEADLINE = timedelta(seconds=2)
LONGEST_LINE = 998  # RFC 5322, 2.1.1
FORMS = "Use console:, file:///directory, smtp://user:password@host:587 or smtps://user:password@host."


class MailFailed(FamAuthError):
    """A mail could not be delivered. `permanent` means that a retry cannot help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient. `message_id` is the same on every attempt, so that a repetition can be recognized.

    `sender` is the From header, an address with or without a name; `recipient` is the address as the user writes it.
    The SMTP envelope has `sender_address` and `recipient_address`.
    """

    kind: str
    sender: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    language: str = ENGLISH

    @property
    def sender_address(self) -> str:
        """The address of the sender, with its domain in A-labels. Raises MailFailed unless there is exactly one."""
        return self._sender().address

    @property
    def recipient_address(self) -> str:
        """The address of the recipient, with its domain in A-labels. Raises MailFailed unless it is one plain address.

        It was checked when it was stored, but the rules may have become stricter since.
        """
        try:
            return parse(self.recipient).mailbox
        except ValueError as error:
            raise MailFailed("the recipient is not a single plain address", permanent=True) from error

    def check(self) -> None:
        """Raises MailFailed unless the mail is from one plain address to one plain address."""
        _ = self.sender_address, self.recipient_address

    @property
    def is_beyond_ascii(self) -> bool:
        """Whether a local part is not ASCII. Such addresses require a server with SMTPUTF8 (RFC 6531)."""
        return not f"{self.sender_address}{self.recipient_address}".isascii()

    def as_message(self) -> EmailMessage:
        """The mail as a message. No text in it can add a header or a recipient (header injection).

        A sender name that could be read as another address is omitted. Raises MailFailed unless the finished message is
        from exactly this sender to exactly this recipient.
        """
        own, recipient = self._sender(), self.recipient_address
        reason = "its headers would be read as different addresses"
        for name in dict.fromkeys((own.name, "")):
            try:
                message = self._built(Sender(name, own.address))
                if headers.is_read_as(message, {"From": own.address, "To": recipient}):
                    return message
            except Exception as error:  # noqa: BLE001 - the email package fails with more kinds than it names
                reason = f"the message cannot be built ({type(error).__name__})"
        raise MailFailed(reason, permanent=True)

    def _sender(self) -> Sender:
        try:
            return sender(self.sender)
        except ValueError as error:
            raise MailFailed("the sender is not a single plain address", permanent=True) from error

    def _built(self, own: Sender) -> EmailMessage:
        message = EmailMessage(policy=SMTPUTF8 if self.is_beyond_ascii else SMTP)
        message["From"] = headers.mailbox(own.address, own.name)
        message["To"] = headers.mailbox(self.recipient_address)
        message["Subject"] = headers.plain(self.subject)
        message["Message-ID"] = headers.plain(self.message_id)
        message["Auto-Submitted"] = "auto-generated"
        message["X-Fam-Auth-Kind"] = headers.plain(self.kind)
        message.set_content(self.text, cte=_encoding(self.text))
        message.add_alternative(self.html, subtype="html", cte=_encoding(self.html))
        # After the parts: a Content- header that is set earlier would move into the first part.
        message["Content-Language"] = headers.plain(self.language)
        return message


def _encoding(text: str) -> str:
    """The transfer encoding: quoted-printable for texts with non-ASCII characters or lines longer than 998."""
    is_plain = text.isascii() and all(len(line) <= LONGEST_LINE for line in re.split(r"\r\n|\r|\n", text))
    return "7bit" if is_plain else "quoted-printable"


class Carrier(Protocol):
    """A mail transport. To send mail in your own way, implement this and pass it as `Auth(carrier=...)`."""

    async def carry(self, mail: Mail) -> None:
        """Deliver the mail. Raises MailFailed."""


class ConsoleCarrier:
    """Prints mails to standard error, for development."""

    async def carry(self, mail: Mail) -> None:
        rule = "-" * 72
        letter = f"{rule}\nTo: {mail.recipient}\nSubject: {mail.subject}\n\n{mail.text}\n{rule}"
        print(letter, file=sys.stderr, flush=True)  # noqa: T201 - what this carrier is for

    async def check(self) -> None:
        """Always succeeds."""


class FileCarrier:
    """Writes each mail to an .eml file in a directory, with mode 0600. A second attempt replaces the file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def carry(self, mail: Mail) -> None:
        name, content = re.sub(r"[^\w.-]", "_", mail.message_id.strip("<>")), mail.as_message().as_bytes()
        try:
            self._make()
            half = self.directory / f".{name}.part"
            _write_private(half, content)
            # Renamed when complete, so that a program that watches the directory never reads half a mail.
            half.rename(self.directory / f"{name}.eml")
        except OSError as error:
            raise MailFailed(type(error).__name__, permanent=False) from error

    async def check(self) -> None:
        """Raises MailFailed when the directory is not writable."""
        try:
            self._make()
            (self.directory / ".check").touch()
            (self.directory / ".check").unlink()
        except OSError as error:
            raise MailFailed(
                f"FAM_AUTH_MAIL: cannot write to the directory ({error.strerror}).", permanent=False
            ) from error

    def _make(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write_private(path: Path, content: bytes) -> None:
    """Creates a file with mode 0600, whatever the umask. An existing file is removed first, with its permissions."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    path.write_bytes(content)


class SmtpCarrier:
    """Sends mails to an SMTP server: with STARTTLS if offered (smtp://), or TLS from the start (smtps://)."""

    def __init__(self, url: SplitResult) -> None:
        host = hosts.canonical(url.hostname or "") or url.hostname
        # Implicit TLS (RFC 8314) or message submission (RFC 6409).
        port = url.port or (465 if url.scheme == "smtps" else 587)
        self.name = f"[{host}]:{port}" if ":" in f"{host}" else f"{host}:{port}"
        self._options: dict[str, Any] = {
            "hostname": host,
            "port": port,
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            # The client's own limit is one for each answer: a server that drips would hold a slot for ever.
            "timeout": None,
        }

    async def carry(self, mail: Mail) -> None:
        """The server has taken the mail. Permanent is only a refusal of this recipient or this content.

        Anything else that goes wrong goes wrong for every mail (a password that was replaced, a server under
        maintenance, a sender that is not allowed) and can be repaired.
        """
        content = mail.as_message().as_bytes()
        server = aiosmtplib.SMTP(**self._options)
        try:
            async with asyncio.timeout(SMTP_DEADLINE.total_seconds()):
                await server.connect()
                await self._address(server, mail)
            async with asyncio.timeout(ANSWER_DEADLINE.total_seconds()):
                await server.data(content)
            await _quit(server)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            code = getattr(error, "code", None)
            said = f"{self.name}: {type(error).__name__}" + (f" {code}" if code else "")
            raise MailFailed(said, permanent=_is_about_the_mail(error)) from error
        finally:
            # After a failure without QUIT: a server that has kept us waiting would do so once more.
            server.close()

    async def check(self) -> None:
        """Raises MailFailed if the server does not answer, or refuses the user name or password."""
        server = aiosmtplib.SMTP(**self._options)
        try:
            async with asyncio.timeout(SMTP_DEADLINE.total_seconds()):
                await server.connect()
            await _quit(server)
        except (aiosmtplib.SMTPException, OSError) as error:
            message = (
                f"FAM_AUTH_MAIL: cannot connect or sign in to the mail server ({self.name}: {type(error).__name__})."
            )
            raise MailFailed(message, permanent=False) from error
        finally:
            server.close()

    async def _address(self, server: aiosmtplib.SMTP, mail: Mail) -> None:
        """The server has accepted the envelope, which is all that it reads of addresses."""
        options, encoding = [], "ascii"
        if mail.is_beyond_ascii:
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
            await server.ehlo()
            if not server.supports_extension("SMTPUTF8"):
                message = f"{self.name} does not accept addresses with non-ASCII characters (SMTPUTF8)"
                raise MailFailed(message, permanent=True)
        await server.mail(mail.sender_address, options=options, encoding=encoding)
        await server.rcpt(mail.recipient_address, encoding=encoding)


async def _quit(server: aiosmtplib.SMTP) -> None:
    """Says goodbye, as RFC 5321, 4.1.1.10 requires. The mail is sent already, whatever the server answers, or if."""
    with suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(QUIT_DEADLINE.total_seconds()):
            await server.quit()


def _is_about_the_mail(error: Exception) -> bool:
    """Whether the server refused the recipient or the content for good. All mails have the same sender (MAIL).

    5.7.x is about who sends: a relay that does not know us, a blocklist, a policy (RFC 3463, 3.8).
    """
    refusals = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
    return isinstance(error, refusals) and error.code // 10 == PERMANENT and not error.message.startswith("5.7.")


def carrier(url: str) -> Carrier:
    """The mail transport for the URL in FAM_AUTH_MAIL. Raises Misconfigured for an unsupported one."""
    with suppress(ValueError):
        parts = urlsplit(url)
        match parts.scheme:
            case "console":
                return ConsoleCarrier()
            case "file" if parts.path:
                return FileCarrier(Path(unquote(parts.path)))
            case "smtp" | "smtps" if parts.hostname:
                return SmtpCarrier(parts)
    raise Misconfigured(f"FAM_AUTH_MAIL is not a mail transport. {FORMS}")
