"""Tokens of sessions that are in a database, for whoever knows the secret: nobody signs in for them."""

import time
from uuid import UUID

from fam_auth.core.security import Keyring, parse_secrets
from fam_auth.repository.data_access.managers.sessions import ACCESS, REFRESH
from tests.conftest import SECRETS

KEYS = Keyring(parse_secrets(SECRETS))


def access_token(session: UUID, hours: int = 1) -> str:
    """Good for so long, while the session was never stepped up."""
    return ACCESS["bearer"].seal(KEYS, session.bytes, 1, int(time.time()) + 3600 * hours)


def refresh_token(session: UUID, refreshes: int) -> str:
    """Of a session that was refreshed so often."""
    return REFRESH.seal(KEYS, session.bytes, refreshes)
