"""Devices an account was signed in to from: they have attempts of their own, so that strangers cannot lock them out.

The token stands for itself, sealed and bound to the account; no table knows of it.
"""

import hashlib
import secrets
import struct

from fam_auth.auth import Auth

TOKEN = struct.Struct(">16s12sI")  # account, device, expiry in seconds since the epoch
PREFIX = "famd_"
PURPOSE = "device"


def new() -> str:
    """The id of a device that was not seen before."""
    return secrets.token_hex(12)


def remembered(auth: Auth, canonical: str, device: str) -> str:
    """A token for a device that has just signed in completely."""
    expires_at = int(auth.until(auth.settings.device_lifetime).timestamp())
    payload = TOKEN.pack(_account(canonical), bytes.fromhex(device), expires_at)
    return PREFIX + auth.keys.carry(PURPOSE, payload)


def known(auth: Auth, token: str | None, canonical: str) -> str | None:
    """The id of the device that the token stands for at this account; None for any other token."""
    if token is None or not token.startswith(PREFIX):
        return None
    payload = auth.keys.carried(PURPOSE, token.removeprefix(PREFIX))
    if payload is None or len(payload) != TOKEN.size:
        return None
    account, device, expires_at = TOKEN.unpack(payload)
    is_good = account == _account(canonical) and expires_at > auth.now().timestamp()
    return device.hex() if is_good else None


def _account(canonical: str) -> bytes:
    return hashlib.sha256(canonical.encode()).digest()[:16]
