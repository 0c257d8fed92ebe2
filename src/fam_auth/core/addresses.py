"""E-mail addresses: the form that is shown, and the form that decides whose it is."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

# What a lax mail program would read as a second address, a header or a quoted part.
SEPARATORS = frozenset(',;<>()[]\\" \t')


@dataclass(frozen=True, slots=True)
class Address:
    """`shown` is what mail goes to; `canonical` is equal for all spellings of one mailbox."""

    shown: str
    canonical: str


@lru_cache(maxsize=256)
def parse(text: str) -> Address:
    """The address in `text`. The local part is compared in NFC without case, the domain in its ASCII form.

    Raises ValueError for anything but one plain address; it is not asked whether the mailbox exists.
    """
    stripped = text.strip()
    if _is_deceptive(stripped):
        raise ValueError("this is not one plain e-mail address")
    try:
        valid = validate_email(stripped, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("this is not a valid e-mail address") from error
    local = unicodedata.normalize("NFC", valid.local_part.casefold())
    return Address(valid.normalized, f"{local}@{valid.ascii_domain.lower()}")


def _is_deceptive(text: str) -> bool:
    """Whether compatibility folding would turn `text` into another address: U+FF20 into @, U+FF0C into a comma."""
    folded = unicodedata.normalize("NFKC", text)
    is_unsafe = any(sign in SEPARATORS or unicodedata.category(sign).startswith("C") for sign in folded)
    return is_unsafe or folded.count("@") != 1 or text.count("@") != 1
