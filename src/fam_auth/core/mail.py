"""Mails: rendered from templates, carried to the console, to files or over SMTP."""

import asyncio
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, select_autoescape

from fam_auth.core.languages import ENGLISH
from fam_auth.core.tags import truncated
from fam_auth.exceptions import FamAuthError, Misconfigured

# The first digit of a reply that will not change (RFC 5321, 4.2.1).
PERMANENT = 5
LINK, CODE = re.compile(r"https?://\S+"), re.compile(r"\d{6}")
SMTP_DEADLINE = timedelta(seconds=10)
FORMS = "use console:, file:///directory, smtp://user:password@host:587 or smtps://user:password@host."


class MailFailed(FamAuthError):
    """A carrier could not deliver. `permanent` when trying again cannot help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one recipient, in `language`. `message_id` stays the same over all tries."""

    kind: str
    sender: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    language: str = ENGLISH

    def as_message(self) -> EmailMessage:
        """The mail as it goes over the wire; headers are encoded, so nothing a user gave can add one."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = self.recipient
        message["Subject"] = " ".join(self.subject.split())
        message["Message-ID"] = self.message_id
        message["Auto-Submitted"] = "auto-generated"
        message["X-Fam-Auth-Kind"] = self.kind
        message.set_content(self.text, cte="quoted-printable" if not self.text.isascii() else "7bit")
        message.add_alternative(self.html, subtype="html")
        # After the parts: what is said of the content before goes into the first of them.
        message["Content-Language"] = self.language
        return message


class Carrier(Protocol):
    """Delivers one mail."""

    async def carry(self, mail: Mail) -> None:
        """The mail is delivered afterwards. Raises MailFailed."""


class ConsoleCarrier:
    """Prints the text part: for a developer's machine."""

    async def carry(self, mail: Mail) -> None:
        rule = "-" * 72
        letter = f"{rule}\nTo: {mail.recipient}\nSubject: {mail.subject}\n\n{mail.text}\n{rule}"
        print(letter, file=sys.stderr, flush=True)  # noqa: T201 - what this carrier is for

    async def check(self) -> None:
        """Standard error is always there."""


class FileCarrier:
    """Writes one .eml file per mail into a directory; a second try replaces the first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def carry(self, mail: Mail) -> None:
        name = re.sub(r"[^\w.-]", "_", mail.message_id.strip("<>"))
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            half = self.directory / f".{name}.part"
            half.write_bytes(mail.as_message().as_bytes())
            half.rename(self.directory / f"{name}.eml")
        except OSError as error:
            raise MailFailed(type(error).__name__, permanent=False) from error

    async def check(self) -> None:
        """A file can be made in the directory."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / ".check").touch()
            (self.directory / ".check").unlink()
        except OSError as error:
            raise MailFailed(
                f"FAM_AUTH_MAIL: no mail can be written there ({error.strerror}).", permanent=False
            ) from error


class SmtpCarrier:
    """Hands mails to an SMTP server: STARTTLS when offered (smtp://), TLS from the start (smtps://)."""

    def __init__(self, url: SplitResult) -> None:
        self._options: dict[str, Any] = {
            "hostname": url.hostname,
            "port": url.port or (465 if url.scheme == "smtps" else 587),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            "timeout": SMTP_DEADLINE.total_seconds(),
        }

    async def carry(self, mail: Mail) -> None:
        try:
            # The client's own limit is one for each answer: a server that drips would hold the worker for ever.
            async with asyncio.timeout(SMTP_DEADLINE.total_seconds()):
                await aiosmtplib.send(mail.as_message(), **self._options)
        except (aiosmtplib.SMTPException, OSError) as error:
            code = getattr(error, "code", None) or _first_code(error)
            raise MailFailed(type(error).__name__, permanent=code // 100 == PERMANENT) from error

    async def check(self) -> None:
        """The server answers, and takes the name and the password."""
        try:
            async with aiosmtplib.SMTP(**self._options):
                pass
        except (aiosmtplib.SMTPException, OSError) as error:
            message = f"FAM_AUTH_MAIL: the mail server does not take mails ({type(error).__name__})."
            raise MailFailed(message, permanent=False) from error


def _first_code(error: Exception) -> int:
    refused: Iterable[Any] = getattr(error, "recipients", ())
    return next((one.code for one in refused), 0)


def carrier(url: str) -> Carrier:
    """The carrier that FAM_AUTH_MAIL names. Raises Misconfigured for any other form."""
    with suppress(ValueError):
        parts = urlsplit(url)
        match parts.scheme:
            case "console":
                return ConsoleCarrier()
            case "file" if parts.path:
                return FileCarrier(Path(unquote(parts.path)))
            case "smtp" | "smtps" if parts.hostname:
                return SmtpCarrier(parts)
    raise Misconfigured(f"FAM_AUTH_MAIL is not a carrier: {FORMS}")


@dataclass(frozen=True, slots=True)
class Written:
    """What a mail says."""

    subject: str
    text: str
    html: str


@cache
def templates(folders: tuple[Path, ...]) -> Environment:
    """The templates: those of the first folder that has them, then the kernel's."""
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(folders), PackageLoader("fam_auth", "mails")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(folders: tuple[Path, ...], kind: str, wanted: str) -> str:
    """The language that a mail of this kind can be written in: the one wanted, a more general one, or English."""
    known = set(templates(folders).list_templates(["txt"]))
    return next((tag for tag in truncated(wanted) if f"{tag}/{kind}.txt" in known), ENGLISH)


def render(folders: tuple[Path, ...], kind: str, context: Mapping[str, Any], language: str = ENGLISH) -> Written:
    """A mail of a kind. The first line of `<language>/<kind>.txt` is the subject; English stands beside the folders.

    The HTML says what the text says, unless a host has a `<kind>.html` of its own for that language.
    """
    environment = templates(folders)
    own = [f"{language}/{kind}", *([kind] if language == ENGLISH else [])]
    subject, _, text = environment.select_template([f"{name}.txt" for name in own]).render(context).partition("\n")
    subject, text = subject.strip(), text.strip() + "\n"
    page = environment.select_template([*(f"{name}.html" for name in own), "letter.html"])
    html = page.render(context, subject=subject, language=language, paragraphs=list(_paragraphs(text)))
    return Written(subject, text, html)


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of a text, each with what it is: `text`, `code`, the first `link`, or a `further` one."""
    links = 0
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if LINK.fullmatch(paragraph):
            yield ("further" if links else "link"), paragraph
            links += 1
        else:
            yield ("code" if CODE.fullmatch(paragraph) else "text"), paragraph
