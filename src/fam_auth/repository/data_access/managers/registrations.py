"""Registering: creates the account, the registration and its mail, with the same work for every address.

Several people may register one address. Each registration keeps its own token and credential until one of them is
verified (verifications.py); none of them changes an existing account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address
from fam_auth.core.database import retried
from fam_auth.core.security import new_token
from fam_auth.core.statements import Statement
from fam_auth.events import EmailVerificationSent, UserRegistered, UserRegistrationRepeated
from fam_auth.exceptions import TooManyAttempts
from fam_auth.repository.data_access.managers import attempts, events, outbox, users, verifications
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import registrations as queries
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Client

PREFIX = "famg"


@dataclass(frozen=True, slots=True)
class Credential:
    """The statements that store a new user's credential.

    `in_force` takes the user's id; its credential works at once, for the first registration of an address. `waiting`
    takes the registration's id; its credential works once the address is verified for that registration.
    """

    in_force: Callable[[UUID], list[Statement]]
    waiting: Callable[[UUID], list[Statement]]


@dataclass(frozen=True, slots=True)
class Registrant:
    """A request for an account. `given` holds the application's own fields.

    `may_mail` is false when the address has reached its limit of mails.
    """

    address: Address
    name: str | None
    client: Client
    given: BaseModel | None
    may_mail: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """The result of a registration: its token, and the id of the new user; None if the address is known already."""

    token: str
    user_id: UUID | None


def nobody() -> Registered:
    """The result of a registration that was not stored; its token looks like any other, so the client cannot tell."""
    return Registered(new_token(PREFIX), None)


async def counted(auth: Auth, address: Address, client: Client) -> bool:
    """Counts one registration; returns whether its address may get a mail. Raises TooManyAttempts for the network."""
    throttle = auth.settings.throttle
    by_network = attempts.Limit("register", attempts.network_of(client), throttle.register_network)
    # Mails of registrations and resent mails share one limit.
    by_address = attempts.Limit(f"mail {EmailVerificationSent.kind} day", address.canonical, throttle.mail_day)
    try:
        await attempts.limit(auth, by_network, by_address)
    except TooManyAttempts:
        # `limit` has refunded both: count the network again, even if only the address has reached its limit.
        await attempts.limit(auth, by_network)
        return False
    return True


@retried
async def register(auth: Auth, who: Registrant, credential: Credential) -> Registered:
    """Creates the account, or adds a registration to an unverified account that was registered and never used.

    A known address gets a mail if `who.may_mail`. Raises what the application's `auth.on` listeners raise.
    """
    token, new_id = new_token(PREFIX), auth.new_id()
    async with auth.transaction() as db:
        holder = await users.claim(auth, db, new_id, who.address)
        owner_id: UUID = new_id if holder is None else holder.user_id
        # Read after the lock on the address: others may have registered or verified it while this waited.
        is_open = await _is_open(auth, db, owner_id)
        waits = _waiting(auth, owner_id, who, credential, token)
        if holder is None:
            await _register_first(auth, db, who, owner_id, [*credential.in_force(owner_id), *waits])
        else:
            can_wait = auth.settings.email_verification and is_open and holder.verified_at is None
            mails = waits if can_wait else [_notice(auth, holder, who.client)]
            again = UserRegistrationRepeated(at=auth.now(), user_id=owner_id, client=who.client)
            await events.record(auth, db, again, *(mails if who.may_mail else []))
    return Registered(token, new_id if holder is None else None)


async def may_be_replaced(auth: Auth, db: AsyncSession, holder: Row[Any]) -> bool:
    """Whether the owner of the mailbox may replace this account (locked), because it has not verified its address.

    If addresses require verification, the account must have been registered and never used. Accounts that an
    administrator created, invited or imported stay.
    """
    if holder.verified_at is not None:
        return False
    return not auth.settings.email_verification or await _is_open(auth, db, holder.id)


async def _register_first(
    auth: Auth, db: AsyncSession, who: Registrant, user_id: UUID, stored: list[Statement]
) -> None:
    made = user_queries.add(user_id, who.name, None, auth.now())
    registered = UserRegistered(at=auth.now(), user_id=user_id, actor_id=user_id, client=who.client, given=who.given)
    await events.record(auth, db, registered, made, *stored)


async def _is_open(auth: Auth, db: AsyncSession, user_id: UUID) -> bool:
    """Whether the account was registered, never signed in to, and is not suspended."""
    row = await auth.database.row(queries.standing(user_id, auth.now()), db)
    assert row is not None  # noqa: S101 - the statement always returns a row
    return row.is_registered and row.is_unused and not row.is_suspended


def _waiting(auth: Auth, user_id: UUID, who: Registrant, credential: Credential, token: str) -> list[Statement]:
    """The statements of a waiting registration: its row, its credential and, if addresses are verified, its mail."""
    registration_id, digest = auth.new_id(), auth.keys.digest(verifications.REGISTRATION, token)
    kept = queries.add(id=registration_id, user_id=user_id, token=digest, name=who.name, created_at=auth.now())
    stored = [kept, *credential.waiting(registration_id)]
    if not auth.settings.email_verification:
        return stored
    return [*stored, *verifications.mail(auth, user_id, who.address, who.client, registration_id)]


def _notice(auth: Auth, holder: Row[Any], client: Client) -> Statement:
    letter = Letter(UserRegistrationRepeated.notifies, holder.address, {}, auth.until(auth.settings.verify_lifetime))
    return outbox.post(auth, holder.user_id, letter, client)
