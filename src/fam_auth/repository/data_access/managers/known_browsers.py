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
from fam_auth.core.sealed_tokens import SealedToken

EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Account, device, when it was made in microseconds since the epoch.
TOKEN = SealedToken("famd_", "device", struct.Struct(">16s12sQ"))
# As earlier versions made it: the expiry in place of that, in seconds since the epoch.
EARLIER_TOKEN = SealedToken("famd_", "device", struct.Struct(">16s12sI"))


class Device(NamedTuple):
    """What a token says: the id of a device, and when it has signed in."""

    id: str
    at: datetime


def new() -> str:
    """The id of a device that was not seen before."""
    return secrets.token_hex(12)


def remembered(auth: Auth, canonical: str, device: str) -> str:
    """A token for a device that has just signed in completely."""
    return TOKEN.seal(auth.keys, _account(canonical), bytes.fromhex(device), (auth.now() - EPOCH) // TICK)


def known(auth: Auth, token: str | None, canonical: str) -> Device | None:
    """The device that the token stands for at this account; None for any other token.

    Whether the account has ended its tokens since, the database alone knows.
    """
    found = None if token is None else _opened(auth, token)
    if found is None:
        return None
    account, device = found
    is_good = account == _account(canonical) and device.at + auth.settings.device_lifetime > auth.now()
    return device if is_good else None


def _opened(auth: Auth, token: str) -> tuple[bytes, Device] | None:
    if (values := TOKEN.open(auth.keys, token)) is not None:
        account, device, ticks = values
        return account, Device(device.hex(), EPOCH + ticks * TICK)
    if (values := EARLIER_TOKEN.open(auth.keys, token)) is not None:
        account, device, expires_at = values
        return account, Device(device.hex(), EPOCH + timedelta(seconds=expires_at) - auth.settings.device_lifetime)
    return None


def _account(canonical: str) -> bytes:
    return hashlib.sha256(canonical.encode()).digest()[:16]
