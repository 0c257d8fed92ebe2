"""E-mail addresses: the form to show, the form to send mail to, and the canonical form to compare."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from fam_auth.core import hosts
from fam_auth.core.headers import mailbox, plain

# Characters that a lenient mail program could read as a second address, a header or a quoted part.
SEPARATORS = frozenset(',;<>()[]\\" \t')
# Start and end of an encoded word (RFC 2047). Mail programs decode it, possibly to another address.
ENCODED_WORD = ("=?", "?=")
QUOTED = r'"(?:[^"\\]|\\.)*"'
SENDER = re.compile(rf"(?:(?P<name>{QUOTED}\s*|[^<>@]*)<(?P<bracketed>[^<>]+)>|(?P<bare>[^<>]+))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """An address. `shown` is as the user writes it; `canonical` is the same for all spellings of one mailbox only."""

    shown: str
    canonical: str

    @property
    def mailbox(self) -> str:
        """The address for mail servers: the local part as written, and the domain in A-labels (RFC 5891)."""
        return f"{self.shown.rpartition('@')[0]}@{self.canonical.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a mail: a name, which may be empty, and an address. The name can never change the address."""

    name: str
    address: str

    def __str__(self) -> str:
        return str(mailbox(self.address, self.name))


@lru_cache(maxsize=256)
def parse(text: str) -> Address:
    """The address in `text`. Raises ValueError unless it is exactly one plain address.

    The canonical form has the local part in NFC and lower case, and the domain in A-labels. It does not fold case:
    `straße` and `strasse` are two mailboxes. Does not check that the mailbox exists.
    """
    stripped = text.strip()
    if _is_deceptive(stripped):
        raise ValueError("this is not a plain e-mail address")
    try:
        valid = validate_email(stripped, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("this is not a valid e-mail address") from error
    local = unicodedata.normalize("NFC", valid.local_part.lower())
    return Address(valid.normalized, f"{local}@{valid.ascii_domain.lower()}")


@lru_cache(maxsize=16)
def sender(text: str) -> Sender:
    """The sender in `Acme, Inc. <no-reply@example.com>` or in a plain address.

    Everything before the brackets is the name, with or without quotes. The host may have no dot. Raises ValueError
    unless there is exactly one address.
    """
    found = SENDER.fullmatch(text.strip())
    if found is None or "=?" in text:
        raise ValueError("this is not exactly one e-mail address")
    name, address = (found["name"] or "").strip(), (found["bracketed"] or found["bare"]).strip()
    local, _, host = address.rpartition("@")
    canonical = hosts.canonical(host.replace("[IPv6:", "["))
    if canonical is None:
        raise ValueError("this is not exactly one e-mail address")
    # The rules for the local part do not depend on the host, which may be one that `parse` refuses.
    local = parse(f"{local}@example.com").shown.rpartition("@")[0]
    return Sender(plain(_unquoted(name)), f"{local}@{hosts.behind_at(canonical)}")


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if re.fullmatch(QUOTED, name, re.DOTALL) else name


def _is_deceptive(text: str) -> bool:
    """Whether a mail program, or Unicode compatibility folding (NFKC), could turn `text` into another address.

    U+FF20 becomes an @, U+FF0C a comma, and an encoded word can become anything.
    """
    folded = unicodedata.normalize("NFKC", text)
    is_unsafe = any(sign in SEPARATORS or unicodedata.category(sign).startswith("C") for sign in folded)
    is_encoded = any(mark in form for mark in ENCODED_WORD for form in (text, folded))
    return is_unsafe or is_encoded or folded.count("@") != 1 or text.count("@") != 1
