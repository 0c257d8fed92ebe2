"""Signatures of Standard Webhooks: HMAC-SHA-256 over id, timestamp and body."""

import base64
import hmac
import secrets

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64


def new_secret() -> str:
    """A new secret for an endpoint: `whsec_` and 256 random bits in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def keys(secret: str) -> list[bytes]:
    """The keys in `whsec_...,whsec_...`. Raises ValueError for anything else, and for a key of a wrong length."""
    found = [_key(part.strip()) for part in secret.split(",")]
    if any(not SHORTEST <= len(key) <= LONGEST for key in found):
        raise ValueError("must be whsec_ and 24 to 64 bytes in base64: generate one with `fam-auth webhooks secret`")
    return found


def headers(signing: list[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The signature headers of a body, with a signature by each key; `timestamp` is in seconds since the epoch."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    marks = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in signing]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _key(part: str) -> bytes:
    try:
        return base64.b64decode(part.removeprefix(PREFIX), validate=True) if part.startswith(PREFIX) else b""
    except ValueError:
        return b""
