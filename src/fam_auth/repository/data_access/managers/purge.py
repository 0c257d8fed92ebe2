"""What has expired or ended leaves the database."""

from datetime import timedelta

from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.repository.data_access.queries import attempts, changes, events, logins, outbox, sessions, users
from fam_auth.repository.data_access.queries.purge import dying, expired

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def purge(auth: Auth) -> dict[str, int]:
    """Expired logins and tokens are gone, and what ended longer ago than the retention; returns rows by table."""
    now = auth.now()
    before = now - auth.settings.retention
    statements: dict[str, UpdateBase] = {
        "logins": logins.purge_logins(now),
        "one_time_tokens": logins.purge_tokens(now, now - DAY),
        "attempts": attempts.purge(DAY.total_seconds()),
        "sessions": sessions.purge(before),
        "events": events.purge(before),
        "changes": changes.purge(now - HOUR),
        "outbox": outbox.purge(now - DAY),
    }
    if auth.settings.email_verification:
        statements["users"] = users.purge_unverified(now - auth.settings.unverified_lifetime)
    for feature in auth.features:
        for model in feature.models:
            for column in dying(model.__table__):
                statements[model.__tablename__.removeprefix("auth_")] = expired(column, now - DAY)
    return {name: await _delete(auth, statement) for name, statement in statements.items()}


async def _delete(auth: Auth, statement: UpdateBase) -> int:
    async with auth.database.autocommit.connect() as connection:
        return (await connection.execute(statement)).rowcount
