"""One-time tokens: the tokens in mailed links. Each works once, for one purpose, at one address."""

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
    """What a token is issued for: its user, purpose, address and lifetime."""

    user_id: UUID
    purpose: str
    address: Address
    lifetime: timedelta


def issue(auth: Auth, ticket: Ticket, **columns: Any) -> tuple[str, UpdateBase]:
    """A new token, and the statement that stores its digest; `columns` are further columns of its row."""
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
    """The row of a valid token, which stays unused. Raises InvalidToken."""
    row = await auth.database.row(queries.pending(purpose, auth.keys.digests(purpose, token), auth.now()))
    if row is None:
        raise InvalidToken
    return row


async def consume(auth: Auth, db: AsyncSession, pending: Row[Any]) -> Row[Any]:
    """Consumes the token, in the transaction of what it is used for; returns its user's row, locked.

    Locks the user first, like everything that makes tokens void: otherwise the two could deadlock. Raises InvalidToken.
    """
    user = (await db.execute(users.locked(pending.user_id))).first()
    if user is None or (await db.execute(queries.burn(pending.id, auth.now()))).first() is None:
        raise InvalidToken
    return user
