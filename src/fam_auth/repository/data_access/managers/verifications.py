"""Verifying an address by the link or the code of a mail, for one of the registrations that wait for it.

The link alone does not activate a password: if a stranger has registered the address, the owner of the mailbox would
click the link and let the stranger in. So verifying also requires what only the registrant has: the token of the
registration, or its password.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address
from fam_auth.core.database import retried
from fam_auth.core.security import new_code
from fam_auth.core.statements import Statement
from fam_auth.events import EmailVerificationFailed, EmailVerified, UserClaimed, UserRegistrationDisowned
from fam_auth.exceptions import InvalidCode, InvalidCredentials, InvalidToken, PasswordRequired
from fam_auth.repository.data_access.managers import attempts, credentials, events, outbox, tokens, users
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.managers.tokens import Ticket
from fam_auth.repository.data_access.queries import logins as login_queries
from fam_auth.repository.data_access.queries import registrations as queries
from fam_auth.repository.data_access.queries import tokens as token_queries
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Actor, Client, RegistrationProof, User

VERIFY, REGISTRATION = "verify_email", "registration"


async def verify(auth: Auth, token: str, proof: RegistrationProof, client: Client) -> User:
    """Verifies the token's address, and consumes the token; returns the user. Commits.

    Raises InvalidToken, PasswordRequired, InvalidCredentials, TooManyAttempts and Busy.
    """
    return await _verify(auth, await tokens.look(auth, VERIFY, token), proof, client)


async def verify_by_code(auth: Auth, email: str, code: str, proof: RegistrationProof, client: Client) -> User:
    """Verifies an address by the code of a mail. An attempt is counted before the code is compared; each has five.

    Raises the same, with InvalidCode instead of InvalidToken.
    """
    canonical = users.checked(email).canonical
    waiting = await auth.database.rows(token_queries.spend_code_try(VERIFY, canonical, auth.now()))
    right = next((row for row in waiting if auth.keys.is_digest_of(_code_of(canonical), code, row.code)), None)
    if right is None:
        failed = EmailVerificationFailed(at=auth.now(), outcome="failure", client=client)
        await events.record_alone(auth, failed)
        raise InvalidCode
    try:
        return await _verify(auth, right, proof, client)
    except InvalidToken:
        raise InvalidCode from None


async def take_over(auth: Auth, db: AsyncSession, user_id: UUID, canonical: str, actor: Actor) -> None:
    """Hands an unverified account to the owner of the mailbox, and verifies its address. Does not commit.

    Ends every session, login and link of the account, and the features clear its credentials: a stranger who
    registered it must keep no access (account pre-hijacking).
    """
    claimed = UserClaimed(at=auth.now(), user_id=user_id, actor_id=actor.user_id, client=actor.client)
    # Remove waiting registrations before the features get the event, so that they activate none of their credentials.
    statements = user_queries.verify(user_id, canonical, auth.now()), queries.remove(user_id)
    await credentials.changed(auth, db, claimed, *statements, letter=None)


async def is_awaited(auth: Auth, user_id: UUID) -> bool:
    """Whether a registration of this account waits for its address to be verified."""
    return bool(await auth.database.rows(queries.of_user(user_id)))


@retried
async def disown(auth: Auth, token: str, client: Client) -> None:
    """Deletes a registration that the owner of the mailbox did not make; the last one with its account.

    Raises InvalidToken, also for the link in a resent mail, which belongs to no single registration.
    """
    pending = await tokens.look(auth, VERIFY, token)
    async with auth.transaction() as db:
        await tokens.consume(auth, db, pending)
        waiting = [row.id for row in await auth.database.rows(queries.of_user(pending.user_id), db)]
        # A resent mail belongs to no single registration, and the account that an administrator created has none.
        if pending.registration_id not in waiting:
            raise InvalidToken
        if len(waiting) == 1:
            await users.remove(auth, pending.user_id, Actor(client), db=db)
            return
        was_first = {"was_first": pending.registration_id == waiting[0]}
        disowned = UserRegistrationDisowned(at=auth.now(), user_id=pending.user_id, client=client, detail=was_first)
        over = login_queries.abandon_all(pending.user_id)
        await events.record(auth, db, disowned, over, subject=pending.registration_id)
        await db.execute(queries.remove(pending.user_id, pending.registration_id))


def mail(
    auth: Auth, user_id: UUID, address: Address, client: Client, registration_id: UUID | None = None
) -> list[Statement]:
    """The statements that store a new link and code for the address, and queue the mail with them."""
    code, lifetime = new_code(), auth.settings.verify_lifetime
    token, kept = tokens.issue(
        auth,
        Ticket(user_id, VERIFY, address, lifetime),
        code=auth.keys.digest(_code_of(address.canonical), code),
        code_expires_at=auth.until(auth.settings.code_lifetime),
        registration_id=registration_id,
    )
    context = {
        "link": auth.link(VERIFY, token),
        "disown_link": auth.link(token_queries.UNDO, token),
        "code": code,
        "is_registration": registration_id is not None,
        "link_hours": lifetime // timedelta(hours=1),
        "code_minutes": auth.settings.code_lifetime // timedelta(minutes=1),
    }
    return [kept, outbox.post(auth, user_id, Letter(VERIFY, address.shown, context, auth.until(lifetime)), client)]


@retried
async def _verify(auth: Auth, pending: Row[Any], proof: RegistrationProof, client: Client) -> User:
    chosen = await _chosen(auth, pending.user_id, proof)
    async with auth.transaction() as db:
        await tokens.consume(auth, db, pending)
        await _settle(auth, db, pending, chosen, client)
        return user_queries.value((await db.execute(user_queries.by_id(pending.user_id))).one())


async def _chosen(auth: Auth, user_id: UUID, proof: RegistrationProof) -> UUID | None:
    """The id of the account's registration that the proof belongs to; None if no registration waits.

    Raises PasswordRequired without a proof, InvalidCredentials and TooManyAttempts.
    """
    waiting = await auth.database.rows(queries.of_user(user_id))
    if not waiting:
        return None
    digests = [] if proof.token is None else auth.keys.digests(REGISTRATION, proof.token)
    mine = [row.id for row in waiting if row.token in digests]
    # Only the first registration's credential works before verification, so a login under way belongs to that one.
    mine += [waiting[0].id] if proof.login_of == user_id else []
    return next(iter(mine), None) or await _by_password(auth, user_id, proof.password)


async def _by_password(auth: Auth, user_id: UUID, password: str | None) -> UUID:
    if password is None:
        raise PasswordRequired
    await attempts.limit(
        auth, attempts.Limit("password of a registration", str(user_id), auth.settings.throttle.device)
    )
    for feature in auth.features:
        chosen = await feature.registration_of(auth, user_id, password)
        if chosen is not None:
            return chosen
    raise InvalidCredentials


async def _settle(auth: Auth, db: AsyncSession, pending: Row[Any], chosen: UUID | None, client: Client) -> None:
    """Verifies the address for the chosen registration, and deletes the others.

    If the chosen one is not the first, the account's earlier credentials and sessions are ended: a stranger set them.
    Raises InvalidToken if the chosen registration no longer exists. Does not commit.
    """
    user_id, now = pending.user_id, auth.now()
    waiting = await auth.database.rows(queries.of_user(user_id), db)
    row = next((one for one in waiting if one.id == chosen), None)
    if bool(waiting) != (row is not None):
        raise InvalidToken
    if row is not None and row.id != waiting[0].id:
        claimed = UserClaimed(at=now, user_id=user_id, actor_id=user_id, client=client)
        await credentials.changed(auth, db, claimed, letter=None)
    statements: list[Statement] = [
        user_queries.verify(user_id, pending.address, now),
        token_queries.retire(user_id, VERIFY, now),
    ]
    if row is not None:
        statements.append(user_queries.change(user_id, {"name": row.name}))
    verified = EmailVerified(at=now, user_id=user_id, actor_id=user_id, client=client)
    await events.record(auth, db, verified, *statements, subject=chosen)
    # Last: the features have activated the credential that they kept for the registration.
    await db.execute(queries.remove(user_id))


def _code_of(canonical: str) -> str:
    return f"{VERIFY} code {canonical}"
