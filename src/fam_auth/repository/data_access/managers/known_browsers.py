"""Known browsers: those that have signed in to an account. Each has its own attempts, so strangers cannot lock it out.

A browser keeps a sealed token that is bound to the account; no table stores it. To end the tokens of an account,
auth_email.devices_since is set: tokens issued before that moment are no longer accepted. In code and tables a known
browser is a `device`.
"""

import hashlib
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fam_auth.auth import Auth
from fam_auth.core.sealed_tokens import SealedToken

EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Account, device, time of issue in microseconds since the epoch.
TOKEN = SealedToken("famd_", "device", struct.Struct(">16s12sQ"))
# The token of earlier versions: the expiry instead of the time of issue, in seconds since the epoch.
EARLIER_TOKEN = SealedToken("famd_", "device", struct.Struct(">16s12sI"))


class Device(NamedTuple):
    """The contents of a token: the browser's id, and when it signed in."""

    id: str
    at: datetime


def new() -> str:
    """A new id for a browser that has not signed in before."""
    return secrets.token_hex(12)


def remembered(auth: Auth, canonical: str, device: str) -> str:
    """The token for a browser that has just completed a login; `canonical` is the account's address."""
    return TOKEN.seal(auth.keys, _account(canonical), bytes.fromhex(device), (auth.now() - EPOCH) // TICK)


def known(auth: Auth, token: str | None, canonical: str) -> Device | None:
    """The browser that the token names at this account; None for a wrong or expired token, or another account's.

    Does not check devices_since: the statements that use the browser do.
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
