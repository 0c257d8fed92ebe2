"""E-mail addresses: the form that is shown, the one that mail goes to, and the one that decides whose it is."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from fam_auth.core import hosts
from fam_auth.core.headers import mailbox, plain

# What a lax mail program would read as a second address, a header or a quoted part.
SEPARATORS = frozenset(',;<>()[]\\" \t')
# Where an encoded word begins and ends (RFC 2047): a mail program decodes it to whatever it says, in any character set.
ENCODED_WORD = ("=?", "?=")
QUOTED = r'"(?:[^"\\]|\\.)*"'
SENDER = re.compile(rf"(?:(?P<name>{QUOTED}\s*|[^<>@]*)<(?P<bracketed>[^<>]+)>|(?P<bare>[^<>]+))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """`shown` is as its owner writes it; `canonical` is equal for all spellings of one mailbox, and of no two."""

    shown: str
    canonical: str

    @property
    def mailbox(self) -> str:
        """What mail goes to: the local part as it was written, at the A-labels of the domain (RFC 5891)."""
        return f"{self.shown.rpartition('@')[0]}@{self.canonical.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail says it is from: a name, perhaps empty, and the address, which nothing in the name changes."""

    name: str
    address: str

    def __str__(self) -> str:
        return str(mailbox(self.address, self.name))


@lru_cache(maxsize=256)
def parse(text: str) -> Address:
    """The address in `text`. The local part is compared in NFC and lower case, the domain in its A-labels.

    Case is not folded: `straße` and `strasse` are two mailboxes. Raises ValueError for anything but one plain address;
    it is not asked whether the mailbox exists.
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
    """The sender that `Acme, Inc. <no-reply@example.com>`, the same with a quoted name, or an address alone names.

    What stands before the brackets is the name, with or without quotes. The host may be one without a dot.
    Raises ValueError for anything but exactly one address.
    """
    found = SENDER.fullmatch(text.strip())
    if found is None or "=?" in text:
        raise ValueError("this is not exactly one e-mail address")
    name, address = (found["name"] or "").strip(), (found["bracketed"] or found["bare"]).strip()
    local, _, host = address.rpartition("@")
    canonical = hosts.canonical(host.replace("[IPv6:", "["))
    if canonical is None:
        raise ValueError("this is not exactly one e-mail address")
    # What a local part may be does not depend on the host.
    local = parse(f"{local}@example.com").shown.rpartition("@")[0]
    return Sender(plain(_unquoted(name)), f"{local}@{hosts.behind_at(canonical)}")


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if re.fullmatch(QUOTED, name, re.DOTALL) else name


def _is_deceptive(text: str) -> bool:
    """Whether a mail program, or compatibility folding, would turn `text` into another address.

    U+FF20 becomes an @, U+FF0C a comma, and an encoded word anything.
    """
    folded = unicodedata.normalize("NFKC", text)
    is_unsafe = any(sign in SEPARATORS or unicodedata.category(sign).startswith("C") for sign in folded)
    is_encoded = any(mark in form for mark in ENCODED_WORD for form in (text, folded))
    return is_unsafe or is_encoded or folded.count("@") != 1 or text.count("@") != 1
