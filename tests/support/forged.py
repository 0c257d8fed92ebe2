"""Tokens of sessions that are in a database, for whoever knows the secret: nobody signs in for them."""

import time
from uuid import UUID

from fam_auth.core.security import Keyring, parse_secrets
from fam_auth.repository.data_access.managers.sessions import ACCESS, PREFIXES, REFRESH, REFRESH_PREFIX
from tests.conftest import SECRETS

KEYS = Keyring(parse_secrets(SECRETS))


def access_token(session: UUID, hours: int = 1) -> str:
    """Good for so long, while the session was never stepped up."""
    payload = ACCESS.pack(session.bytes, 1, int(time.time()) + 3600 * hours)
    return PREFIXES["bearer"] + KEYS.carry("bearer", payload)


def refresh_token(session: UUID, refreshes: int) -> str:
    """Of a session that was refreshed so often."""
    return REFRESH_PREFIX + KEYS.carry("refresh", REFRESH.pack(session.bytes, refreshes))
