"""One-time tokens: what a mail carries, worth something once, for one purpose, at one address."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address
from fam_auth.core.security import new_token
from fam_auth.exceptions import InvalidToken
from fam_auth.repository.data_access.queries import tokens as queries
from fam_auth.repository.data_access.queries import users


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token will be good for: whose, to which end, sent to which address, how long."""

    user_id: UUID
    purpose: str
    address: Address
    lifetime: timedelta


def issue(auth: Auth, ticket: Ticket, **columns: Any) -> tuple[str, UpdateBase]:
    """A fresh token, and the statement that keeps its digest."""
    token = new_token("famp")
    kept = queries.add_token(
        id=auth.new_id(),
        user_id=ticket.user_id,
        purpose=ticket.purpose,
        address=ticket.address.canonical,
        shown=ticket.address.shown,
        token=auth.keys.digest(ticket.purpose, token),
        created_at=auth.now(),
        expires_at=auth.until(ticket.lifetime),
        **columns,
    )
    return token, kept


async def look(auth: Auth, purpose: str, token: str) -> Row[Any]:
    """The token's row while it is good, not used up yet. Raises InvalidToken."""
    row = await auth.database.row(queries.pending(purpose, auth.keys.digests(purpose, token), auth.now()))
    if row is None:
        raise InvalidToken
    return row


async def spend(auth: Auth, db: AsyncSession, pending: Row[Any]) -> Row[Any]:
    """The token is used up, in the transaction of what it is used for; returns its user, who is locked.

    The user comes first, as for everybody who makes tokens void. Raises InvalidToken.
    """
    user = (await db.execute(users.locked(pending.user_id))).first()
    if user is None or (await db.execute(queries.burn(pending.id, auth.now()))).first() is None:
        raise InvalidToken
    return user
