"""The password policy of NIST SP 800-63B-4: a minimum length and a blocklist, no composition rules."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from fam_auth.exceptions import InvalidRequest, Message
from fam_auth.features.password.blocklist import is_common, is_contextual

LONGEST = 1024


def normalized(password: str) -> str:
    """The form of a password that is measured and hashed: NFKC, otherwise unchanged (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def reasons(password: str, minimum: int, words: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The reason why a normalized password is refused, as items of a problem; nothing if it is acceptable."""
    if len(password) < minimum:
        yield {"code": "too_short", "message": Message("password.too_short", {"minimum": minimum}), "minimum": minimum}
    elif len(password) > LONGEST:
        yield {"code": "too_long", "message": Message("password.too_long", {"maximum": LONGEST}), "maximum": LONGEST}
    elif is_common(password) or is_contextual(password, words):
        yield blocklisted()


def blocklisted() -> dict[str, Any]:
    """The reason for a common or breached password."""
    return {"code": "password_blocklisted", "message": Message("password.blocklisted")}


def check(field: str, password: str, minimum: int, words: Iterable[str]) -> None:
    """Raises InvalidRequest if the normalized password is refused."""
    found = [{"field": field, **reason} for reason in reasons(password, minimum, words)]
    if found:
        raise InvalidRequest(found)
