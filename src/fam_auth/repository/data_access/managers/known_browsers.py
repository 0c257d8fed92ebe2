"""Devices an account was signed in to from: they have attempts of their own, so that strangers cannot lock them out.

The token stands for itself, sealed and bound to the account; no table knows of it. What ends the tokens of an account
is a moment that is kept with its address (auth_email.devices_since): tokens issued before it are no longer accepted.
"""

import hashlib
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fam_auth.auth import Auth

TOKEN = struct.Struct(">16s12sQ")  # account, device, when it was made in microseconds since the epoch
BEFORE = struct.Struct(">16s12sI")  # of versions before: in place of it the expiry, in seconds since the epoch
EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
PREFIX = "famd_"
PURPOSE = "device"


class Device(NamedTuple):
    """What a token says: the id of a device, and when it has signed in."""

    id: str
    at: datetime


def new() -> str:
    """The id of a device that was not seen before."""
    return secrets.token_hex(12)


def remembered(auth: Auth, canonical: str, device: str) -> str:
    """A token for a device that has just signed in completely."""
    payload = TOKEN.pack(_account(canonical), bytes.fromhex(device), (auth.now() - EPOCH) // TICK)
    return PREFIX + auth.keys.carry(PURPOSE, payload)


def known(auth: Auth, token: str | None, canonical: str) -> Device | None:
    """The device that the token stands for at this account; None for any other token.

    Whether the account has ended its tokens since, the database alone knows.
    """
    if token is None or not token.startswith(PREFIX):
        return None
    found = _read(auth, auth.keys.carried(PURPOSE, token.removeprefix(PREFIX)) or b"")
    if found is None:
        return None
    account, device = found
    is_good = account == _account(canonical) and device.at + auth.settings.device_lifetime > auth.now()
    return device if is_good else None


def _read(auth: Auth, payload: bytes) -> tuple[bytes, Device] | None:
    if len(payload) == TOKEN.size:
        account, device, ticks = TOKEN.unpack(payload)
        return account, Device(device.hex(), EPOCH + ticks * TICK)
    if len(payload) == BEFORE.size:
        account, device, expires_at = BEFORE.unpack(payload)
        return account, Device(device.hex(), EPOCH + timedelta(seconds=expires_at) - auth.settings.device_lifetime)
    return None


def _account(canonical: str) -> bytes:
    return hashlib.sha256(canonical.encode()).digest()[:16]
