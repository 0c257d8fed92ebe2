"""Which passwords are good enough: long, not what everybody tries first, no rule of composition (NIST SP 800-63B-4)."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from fam_auth.exceptions import InvalidRequest, Message
from fam_auth.features.password.blocklist import is_common, is_contextual

LONGEST = 1024


def normalized(password: str) -> str:
    """The form that is counted and hashed: NFKC, and nothing else changed (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def reasons(password: str, minimum: int, words: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Why a normalized password is refused, the first reason first; nothing when it is acceptable."""
    if len(password) < minimum:
        yield {"code": "too_short", "message": Message("password.too_short", {"minimum": minimum}), "minimum": minimum}
    elif len(password) > LONGEST:
        yield {"code": "too_long", "message": Message("password.too_long", {"maximum": LONGEST}), "maximum": LONGEST}
    elif is_common(password) or is_contextual(password, words):
        yield blocklisted()


def blocklisted() -> dict[str, Any]:
    """The reason of a password that others have tried or will try."""
    return {"code": "password_blocklisted", "message": Message("password.blocklisted")}


def check(field: str, password: str, minimum: int, words: Iterable[str]) -> None:
    """Raises InvalidRequest with the reasons."""
    found = [{"field": field, **reason} for reason in reasons(password, minimum, words)]
    if found:
        raise InvalidRequest(found)
