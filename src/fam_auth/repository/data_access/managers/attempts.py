"""Attempts: each is counted before it is judged, so that parallel guesses cannot share one."""

from datetime import UTC, datetime

from fam_auth.auth import Auth
from fam_auth.exceptions import TooManyAttempts
from fam_auth.repository.data_access.queries import attempts as queries


async def spend(auth: Auth, bucket: str, subject: str) -> str:
    """One attempt is counted and committed; returns the key to forgive it by. Raises TooManyAttempts."""
    key = auth.keys.digest(f"attempt {bucket}", subject)
    now = auth.now().timestamp()
    if await auth.database.row(queries.spend(key, bucket, now)) is None:
        row = await auth.database.row(queries.wait(key))
        free_at = now if row is None else row.free_at
        raise TooManyAttempts(retry_after=datetime.fromtimestamp(free_at, UTC) - datetime.fromtimestamp(now, UTC))
    return key
