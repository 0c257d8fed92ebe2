"""Users: create, find, change, suspend, restore, sign out and delete them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address, parse
from fam_auth.core.database import retried
from fam_auth.events import SessionEnded, UserCreated, UserDeleted, UserEvent, UserRestored, UserSuspended, UserUpdated
from fam_auth.exceptions import InvalidRequest, NotFound
from fam_auth.repository.data_access.managers import events, outbox, permits, sessions
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import events as event_queries
from fam_auth.repository.data_access.queries import logins as login_queries
from fam_auth.repository.data_access.queries import outbox as outbox_queries
from fam_auth.repository.data_access.queries import tokens as token_queries
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Actor, Client, Page, User


async def claim(auth: Auth, db: AsyncSession, user_id: UUID, address: Address) -> Row[Any] | None:
    """Claims the address for a new user, and locks it. Returns the row of the user who has it already; None: claimed.

    The user may be inserted after this: the foreign key is checked at the commit.
    """
    claimed = queries.claim_address(user_id, user_id, address.shown, address.canonical, auth.now())
    row = (await db.execute(claimed)).one()
    return None if row.user_id == user_id else row


@retried
async def create(
    auth: Auth, email: str, name: str | None = None, *, verified: bool = False, db: AsyncSession | None = None
) -> User:
    """Creates a user without any sign-in method, for applications and administrators. Commits without `db`.

    Raises InvalidRequest if the address is invalid or has a user already.
    """
    address = checked(email)
    async with auth.transaction(db) as joined:
        user_id = auth.new_id()
        if await claim(auth, joined, user_id, address) is not None:
            raise InvalidRequest.of("email", "taken")
        mark = [queries.verify(user_id, address.canonical, auth.now())] if verified else []
        made = UserCreated(at=auth.now(), user_id=user_id)
        await events.record(auth, joined, made, queries.add(user_id, name, None, auth.now()), *mark)
        return queries.value((await joined.execute(queries.by_id(user_id))).one())


def checked(email: str) -> Address:
    """The parsed address. Raises InvalidRequest if it is not valid."""
    try:
        return parse(email)
    except ValueError as error:
        raise InvalidRequest.of("email", "invalid_email") from error


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


async def reason_of_suspension(auth: Auth, user_id: UUID) -> str | None:
    """The reason of the user's suspension, for administrators; None without a reason or without such a user."""
    row = await auth.database.row(queries.by_id(user_id))
    return None if row is None else row.suspended_reason


async def listed(auth: Auth, after: UUID | None, limit: int, search: str | None = None) -> Page[User]:
    """A page of users, oldest first; with `search`, those whose address or name contains it."""
    rows = await auth.database.rows(queries.page(after, limit + 1, search))
    return Page.of([queries.value(row) for row in rows], limit)


async def change(auth: Auth, user_id: UUID, fields: dict[str, Any], client: Client) -> User:
    """Changes some of the user's own fields, on their own behalf; returns the user. Raises NotFound."""
    async with auth.transaction() as db:
        if fields:
            changed = UserUpdated(at=auth.now(), user_id=user_id, actor_id=user_id, client=client)
            await events.record(auth, db, changed, queries.change(user_id, fields))
    return await get(auth, user_id)


@retried
async def suspend(
    auth: Auth, user_id: UUID, actor: Actor, *, reason: str | None = None, until: datetime | None = None
) -> None:
    """Suspends the user until that moment, or (None) until restored; ends their sessions, logins and links.

    Raises NotFound and Forbidden.
    """
    fields = {"suspended_at": auth.now(), "suspended_reason": reason, "suspended_until": until}
    async with auth.transaction() as db:
        await _administer(auth, db, _event(auth, UserSuspended, user_id, actor), fields, actor)
        await sessions.end(auth, {"user_id": user_id}, "suspended", actor, db=db)
        now = auth.now()
        await auth.database.together(db, login_queries.abandon_all(user_id), token_queries.retire_all(user_id, now))


@retried
async def restore(auth: Auth, user_id: UUID, actor: Actor) -> None:
    """Ends the user's suspension; does nothing if they are not suspended. Raises NotFound and Forbidden."""
    fields = {"suspended_at": None, "suspended_reason": None, "suspended_until": None}
    restored = _event(auth, UserRestored, user_id, actor)
    async with auth.transaction() as db:
        if (await permits.obtain(auth, db, restored, actor)).suspended_at is not None:
            await events.record(auth, db, restored, queries.change(user_id, fields))


@retried
async def rename(auth: Auth, user_id: UUID, fields: dict[str, Any], actor: Actor) -> User:
    """Changes a user's name or language, as an administrator; returns the user. Raises NotFound and Forbidden."""
    async with auth.transaction() as db:
        await _administer(auth, db, _event(auth, UserUpdated, user_id, actor), fields, actor)
    return await get(auth, user_id)


@retried
async def sign_out(auth: Auth, user_id: UUID, actor: Actor) -> int:
    """Ends every session of the user; returns how many. Raises NotFound and Forbidden."""
    async with auth.transaction() as db:
        await permits.obtain(auth, db, _event(auth, SessionEnded, user_id, actor), actor)
        return await sessions.end(auth, {"user_id": user_id}, "ended_by_administrator", actor, db=db)


@retried
async def remove(auth: Auth, user_id: UUID, actor: Actor, *, db: AsyncSession | None = None) -> None:
    """Deletes the user and everything that belongs to them, and notifies them. Commits without `db`.

    The audit log keeps ids and times only. Raises NotFound and Forbidden.
    """
    gone = UserDeleted(at=auth.now(), user_id=user_id, actor_id=actor.user_id)
    async with auth.transaction(db) as joined:
        row = await permits.obtain(auth, joined, gone, actor)
        letter = Letter(gone.notifies, row.address, {}, auth.until(timedelta(days=3)), row.locale)
        await joined.execute(event_queries.forget(user_id))
        await joined.execute(event_queries.forget_actor(user_id))
        await joined.execute(outbox_queries.forget(user_id))
        # Before the user is deleted: the features still see the user, and may refuse.
        await events.record(auth, joined, gone, outbox.post(auth, None, letter, actor.shown_to(user_id)))
        await joined.execute(queries.remove(user_id))


def _event(auth: Auth, kind: type[UserEvent], user_id: UUID, actor: Actor) -> UserEvent:
    return kind(at=auth.now(), user_id=user_id, actor_id=actor.user_id, client=actor.client)


async def _administer(auth: Auth, db: AsyncSession, event: UserEvent, fields: dict[str, Any], actor: Actor) -> None:
    await permits.obtain(auth, db, event, actor)
    await events.record(auth, db, event, *([queries.change(event.user_id, fields)] if fields else []))
