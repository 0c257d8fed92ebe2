"""Recovery codes: 120 random bits each, written so that people can copy them."""

import base64
import secrets

COUNT = 10
BYTES = 15  # 120 bits: more than the 112 that a plain keyed digest asks for (ASVS 6.5.2)
GROUP = 4


def new_codes() -> list[str]:
    """Ten fresh codes, each 24 characters in groups of four."""
    return [_grouped(base64.b32encode(secrets.token_bytes(BYTES)).decode().lower()) for _ in range(COUNT)]


def normalized(code: str) -> str:
    """The code without what people add: spaces, dashes, capitals."""
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
