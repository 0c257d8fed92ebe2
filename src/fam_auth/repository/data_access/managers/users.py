"""Users and the proof that their address is theirs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address, parse
from fam_auth.core.database import retried
from fam_auth.core.events import Event, EventKind
from fam_auth.core.security import new_code, new_token
from fam_auth.exceptions import InvalidCode, InvalidRequest, InvalidToken, NotFound
from fam_auth.repository.data_access.managers import events, outbox, pages
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import logins as tokens
from fam_auth.repository.data_access.queries import sessions
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Client, Page, User

VERIFY = "verify_email"


async def claim(auth: Auth, db: AsyncSession, address: Address) -> UUID | None:
    """The id of a user to be made, who has the address from now on; None when somebody has it already."""
    user_id, now = auth.new_id(), auth.now()
    claimed = await db.execute(queries.claim_address(user_id, user_id, address.shown, address.canonical, now))
    return None if claimed.first() is None else user_id


@retried
async def create(
    auth: Auth, email: str, name: str | None = None, *, verified: bool = False, db: AsyncSession | None = None
) -> User:
    """A user without any way to sign in, for hosts and administrators. Raises InvalidRequest for a known address."""
    address = checked(email)
    async with auth.transaction(db) as joined:
        user_id = await claim(auth, joined, address)
        if user_id is None:
            raise InvalidRequest.of("email", "taken", "This address belongs to a user already.")
        mark = [queries.verify(user_id, address.canonical, auth.now())] if verified else []
        made = Event(EventKind.USER_CREATED, auth.now(), user_id)
        await events.record(auth, joined, made, queries.add(user_id, name, None, auth.now()), *mark)
        return queries.value((await joined.execute(queries.by_id(user_id))).one())


def checked(email: str) -> Address:
    """The parsed address. Raises InvalidRequest when it is not one."""
    try:
        return parse(email)
    except ValueError as error:
        raise InvalidRequest.of("email", "invalid_email", f"{error}.".capitalize()) from error


async def get(auth: Auth, user_id: UUID) -> User:
    """The user. Raises NotFound."""
    row = await auth.database.row(queries.by_id(user_id))
    if row is None:
        raise NotFound
    return queries.value(row)


async def found(auth: Auth, who: str) -> User:
    """The user with this id or this address. Raises NotFound."""
    try:
        statement = queries.by_id(UUID(who))
    except ValueError:
        statement = queries.by_address(checked(who).canonical)
    row = await auth.database.row(statement)
    if row is None:
        raise NotFound
    return queries.value(row)


async def listed(auth: Auth, after: UUID | None, limit: int) -> Page[User]:
    """A page of users, oldest first."""
    rows = await auth.database.rows(queries.page(after, limit + 1))
    return pages.cut([queries.value(row) for row in rows], limit)


async def change(auth: Auth, user_id: UUID, fields: dict[str, Any], client: Client) -> User:
    """Some of the user's own fields have new values; returns the user. Raises NotFound."""
    async with auth.transaction() as db:
        if fields:
            changed = Event(EventKind.USER_UPDATED, auth.now(), user_id, actor_id=user_id, client=client)
            await events.record(auth, db, changed, queries.change(user_id, fields))
    return await get(auth, user_id)


async def suspend(auth: Auth, user_id: UUID, reason: str | None) -> None:
    """The user cannot sign in any more and all their sessions have ended."""
    now = auth.now()
    fields = {"suspended_at": now, "suspended_reason": reason}
    async with auth.transaction() as db:
        ended = sessions.end({"user_id": user_id}, "suspended", now)
        await events.record(
            auth, db, Event(EventKind.USER_SUSPENDED, now, user_id), queries.change(user_id, fields), ended
        )


async def restore(auth: Auth, user_id: UUID) -> None:
    """The user can sign in again."""
    fields = {"suspended_at": None, "suspended_reason": None}
    async with auth.transaction() as db:
        await events.record(
            auth, db, Event(EventKind.USER_RESTORED, auth.now(), user_id), queries.change(user_id, fields)
        )


async def remove(auth: Auth, user_id: UUID) -> None:
    """The user and all that hung on them is gone; the journal keeps the bare id."""
    async with auth.transaction() as db:
        await events.record(auth, db, Event(EventKind.USER_DELETED, auth.now(), user_id), queries.remove(user_id))


def verification(auth: Auth, user_id: UUID, address: Address, client: Client) -> list[UpdateBase]:
    """The statements that send the user a fresh link and code for their address."""
    token_id, token, code, now = auth.new_id(), new_token("famp"), new_code(), auth.now()
    expires_at, code_expires_at = now + auth.settings.verify_lifetime, now + auth.settings.code_lifetime
    kept = tokens.add_token(
        id=token_id,
        user_id=user_id,
        purpose=VERIFY,
        address=address.canonical,
        token=auth.keys.digest(VERIFY, token),
        code=auth.keys.digest(f"{VERIFY} code {address.canonical}", code),
        code_expires_at=code_expires_at,
        created_at=now,
        expires_at=expires_at,
    )
    context = {
        "link": auth.link(VERIFY, token),
        "code": code,
        "link_hours": auth.settings.verify_lifetime // timedelta(hours=1),
        "code_minutes": auth.settings.code_lifetime // timedelta(minutes=1),
    }
    return [kept, outbox.post(auth, user_id, Letter(VERIFY, address.shown, context, expires_at), client)]


async def resend(auth: Auth, email: str, client: Client) -> None:
    """An unverified owner of the address gets a fresh mail and the old link dies; nobody else gets anything."""
    address = checked(email)
    async with auth.transaction() as db:
        row = (await db.execute(queries.by_address(address.canonical))).first()
        if row is None or row.verified_at is not None or queries.value(row).is_suspended(auth.now()):
            return
        await db.execute(tokens.retire(row.id, VERIFY, auth.now()))
        sent = Event(EventKind.EMAIL_VERIFICATION_SENT, auth.now(), row.id, client=client)
        await events.record(auth, db, sent, *verification(auth, row.id, parse(row.address), client))


async def verify(auth: Auth, token: str, client: Client) -> User:
    """The token is used up and its address verified. Raises InvalidToken."""
    verified = await _verify(auth, auth.keys.digests(VERIFY, token), client)
    if verified is None:
        raise InvalidToken
    return verified


async def verify_by_code(auth: Auth, email: str, code: str, client: Client) -> User:
    """The same by the code of the newest mail; five tries, each counted before it is judged. Raises InvalidCode."""
    canonical = checked(email).canonical
    kept = await auth.database.row(tokens.spend_code_try(VERIFY, canonical, auth.now()))
    if kept is None or not auth.keys.is_digest_of(f"{VERIFY} code {canonical}", code, kept.code):
        failed = Event(EventKind.EMAIL_VERIFICATION_FAILED, auth.now(), outcome="failure", client=client)
        await events.record_alone(auth, failed)
        raise InvalidCode
    verified = await _verify(auth, [kept.token], client)
    if verified is None:
        raise InvalidCode
    return verified


async def _verify(auth: Auth, digests: Sequence[str], client: Client) -> User | None:
    async with auth.transaction() as db:
        burnt = (await db.execute(tokens.burn(VERIFY, digests, auth.now()))).first()
        if burnt is None:
            return None
        verified = Event(EventKind.EMAIL_VERIFIED, auth.now(), burnt.user_id, actor_id=burnt.user_id, client=client)
        await events.record(
            auth, db, verified, queries.verify(burnt.user_id, burnt.address, auth.now()), token=burnt.id
        )
        return queries.value((await db.execute(queries.by_id(burnt.user_id))).one())
