"""Registering: the account, the registration and its mail, with the same work for every address.

Several people may register one address. Each registration keeps its own token and credential until one of them is
verified (verifications.py), and none changes an account that is there already.
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
    """What a feature stores for somebody who registers, as statements.

    `in_force`, given the user's id, counts at once: it is for the first who registers an address. `waiting`, given the
    id of the registration, counts once the feature hears that the address was verified for it.
    """

    in_force: Callable[[UUID], list[Statement]]
    waiting: Callable[[UUID], list[Statement]]


@dataclass(frozen=True, slots=True)
class Registrant:
    """Somebody who asks for an account. `given` is what they filled into the application's own fields.

    `may_mail` is whether one more mail may go to an address that is known.
    """

    address: Address
    name: str | None
    client: Client
    given: BaseModel | None
    may_mail: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to a registration: its token, and the id of the new user; None where the address is known."""

    token: str
    user_id: UUID | None


def nobody() -> Registered:
    """The answer to a registration of which nothing was kept; nobody can tell."""
    return Registered(new_token(PREFIX), None)


async def counted(auth: Auth, address: Address, client: Client) -> bool:
    """One registration is counted; whether its address may get a mail. Raises TooManyAttempts for the network."""
    throttle = auth.settings.throttle
    by_network = attempts.Use("register", attempts.network_of(client), throttle.register_network)
    # The mails of registrations and those that are asked for again are of one kind.
    by_address = attempts.Use(f"mail {EmailVerificationSent.kind} day", address.canonical, throttle.mail_day)
    try:
        await attempts.limit(auth, by_network, by_address)
    except TooManyAttempts:
        # That refunded both: the network pays even when only the address is exhausted.
        await attempts.limit(auth, by_network)
        return False
    return True


@retried
async def register(auth: Auth, who: Registrant, credential: Credential) -> Registered:
    """Creates the account, or adds a registration to an unverified one that was registered and never used.

    A known address gets a mail if `who.may_mail`. Raises what the application's listeners raise.
    """
    token, new_id = new_token(PREFIX), auth.new_id()
    async with auth.transaction() as db:
        holder = await users.claim(auth, db, new_id, who.address)
        owner_id: UUID = new_id if holder is None else holder.user_id
        # After the address is locked: others may have registered or verified it while this waited.
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
    """Whether an account, which is locked, merely claims its address, so that the owner of the mailbox may remove it.

    Where addresses are verified, that is one that was registered, and neither verified nor signed in to. What an
    administrator made, invited or imported stays.
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
    """Whether an account came from a registration, and was neither signed in to nor suspended."""
    row = await auth.database.row(queries.standing(user_id, auth.now()), db)
    assert row is not None  # noqa: S101 - it always gives a row
    return row.is_registered and row.is_unused and not row.is_suspended


def _waiting(auth: Auth, user_id: UUID, who: Registrant, credential: Credential, token: str) -> list[Statement]:
    """The registration with its credential; its mail, where addresses need verification."""
    registration_id, digest = auth.new_id(), auth.keys.digest(verifications.REGISTRATION, token)
    kept = queries.add(id=registration_id, user_id=user_id, token=digest, name=who.name, created_at=auth.now())
    stored = [kept, *credential.waiting(registration_id)]
    if not auth.settings.email_verification:
        return stored
    return [*stored, *verifications.mail(auth, user_id, who.address, who.client, registration_id)]


def _notice(auth: Auth, holder: Row[Any], client: Client) -> Statement:
    letter = Letter(UserRegistrationRepeated.notifies, holder.address, {}, auth.until(auth.settings.verify_lifetime))
    return outbox.post(auth, holder.user_id, letter, client)
