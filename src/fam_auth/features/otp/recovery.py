"""Recovery codes: 120 random bits each, in groups that are easy to copy."""

import base64
import secrets

COUNT = 10
BYTES = 15  # 120 bits: with at least 112, a plain keyed digest is enough (OWASP ASVS 6.5.2)
GROUP = 4


def new_codes() -> list[str]:
    """Ten new codes, each of 24 characters in groups of four."""
    return [_grouped(base64.b32encode(secrets.token_bytes(BYTES)).decode().lower()) for _ in range(COUNT)]


def normalized(code: str) -> str:
    """The code without the spaces, dashes and capitals that people type."""
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
