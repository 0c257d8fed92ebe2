"""The readiness check of this worker."""

from sqlalchemy import literal, select

from fam_auth.auth import Auth
from fam_auth.exceptions import Unavailable


async def ready(auth: Auth) -> None:
    """Raises Unavailable if the database does not answer or this worker is about to stop."""
    if auth.is_stopping:
        raise Unavailable
    await auth.database.row(select(literal(1)))
