"""Changing a password: by its owner, by a mailed link, or because it is compromised."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import parse
from fam_auth.core.database import retried
from fam_auth.core.statements import Statement
from fam_auth.events import UserInvited
from fam_auth.exceptions import InvalidCredentials, InvalidToken, StepUpRequired
from fam_auth.features.password import managers, policy, queries
from fam_auth.features.password.events import (
    PasswordChanged,
    PasswordCompromised,
    PasswordLinkMade,
    PasswordReset,
    PasswordResetRequested,
)
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.pipeline import Attempt, Outcome
from fam_auth.repository.data_access.managers import (
    attempts,
    credentials,
    emails,
    events,
    logins,
    outbox,
    permits,
    sessions,
    tokens,
    users,
    verifications,
)
from fam_auth.repository.data_access.managers.outbox import Letter, Request
from fam_auth.repository.data_access.managers.tokens import Ticket
from fam_auth.repository.data_access.managers.verifications import VERIFY
from fam_auth.repository.data_access.queries import tokens as token_queries
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Actor, Client, Session, User, Visit

RESET, CHANGE = "reset_password", "change_password"
# The purpose of links from administrators and operators. It differs from RESET, so that a stranger who requests a reset
# for the address does not end the invitation. Invitations of earlier versions have the purpose RESET.
INVITATION = "invitation"
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Replacement:
    """The current password, and the new one."""

    current: str
    new: str


@retried
async def change(auth: Auth, user: User, passwords: Replacement, visit: Visit, *, keep: UUID) -> None:
    """Changes the password after checking the current one; ends every session and login except `keep`.

    Raises TooManyAttempts, InvalidCredentials and InvalidRequest.
    """
    tried = Attempt(managers.METHOD, parse(user.email).canonical, visit)
    attempt = await logins.guard(auth, tried)
    user_id, digest = await managers.judged_right(auth, tried, attempt, passwords.current)
    new = await _hashed(auth, user, passwords.new)
    changed = PasswordChanged(at=auth.now(), user_id=user_id, actor_id=user_id, client=visit.client)
    async with auth.transaction() as db:
        row = await auth.database.row(queries.locked(user_id, digest), db)
        if row is None:
            raise InvalidCredentials
        demands = [one for one in row.demands if one != CHANGE]
        letter = credentials.notice(auth, PasswordChanged, row.address)
        statements = [
            *attempt.forgiven(),
            queries.put(user_id, new, auth.now()),
            user_queries.change(user_id, {"demands": demands}),
        ]
        await credentials.changed(auth, db, changed, *statements, letter=letter, keep=keep)


async def change_own(auth: Auth, user: User, passwords: Replacement, visit: Visit, *, session: Session) -> None:
    """Changes the password within a session, which stays. Raises StepUpRequired too.

    A session that also has a second factor needs a recent step-up. Otherwise an attacker with the session and the
    password, but without the second factor, could lock the owner out.
    """
    if session.proved_at < auth.now() - FRESH and any(proof.method != managers.METHOD for proof in session.proofs):
        raise StepUpRequired(assurance="aal2", within=FRESH)
    await change(auth, user, passwords, visit, keep=session.id)


async def change_in_login(auth: Auth, passwords: Replacement, visit: Visit) -> Outcome:
    """Changes the password as the next step of a login, and continues the login.

    Raises the same as `change`, InvalidLoginToken, and Forbidden while an earlier step remains.
    """
    row = await logins.at_step(auth, visit.login_token, CHANGE)
    assert visit.login_token is not None  # noqa: S101 - at_step has checked it
    await change(auth, await users.get(auth, row.user_id), passwords, visit, keep=row.id)
    return await logins.prove(auth, visit.login_token, None, visit.client)


async def forgot(auth: Auth, email: str, client: Client) -> None:
    """Queues a mail with a reset link if the address has an account; the work is the same for every address.

    Raises TooManyAttempts for the client's network only, so the answer does not tell whether the address has an
    account.
    """
    request = Request(PasswordResetRequested, users.checked(email).shown, client)
    await attempts.limit_mails(auth, client)
    await emails.ask(auth, request, kills=RESET)


async def send_reset(auth: Auth, db: AsyncSession, user_id: UUID, client: Client) -> None:
    """Answers `forgot`: earlier reset links stop working, and a new one is mailed. Does not commit."""
    lifetime = auth.of(PasswordSettings).reset_lifetime
    user = user_queries.value((await db.execute(user_queries.by_id(user_id))).one())
    letter = Letter(RESET, user.email, {"link_minutes": lifetime // timedelta(minutes=1)}, auth.until(lifetime))
    await auth.database.together(db, *_linked(auth, user, letter, RESET, lifetime, client))


async def reset(auth: Auth, token: str, password: str, client: Client) -> None:
    """Sets the password of the token's user, and ends all their sessions. Does not sign in.

    The token came by mail, so an unverified address becomes verified, and what a stranger set before is removed. The
    token stays valid if the password is refused. Raises InvalidToken and InvalidRequest.
    """
    await _set(auth, await _pending(auth, token), password, client)


async def choose(auth: Auth, token: str, password: str, client: Client) -> None:
    """The same by the link of a verification mail, for the owner of a mailbox that a stranger has registered.

    Raises InvalidToken if no registration waits, because then there is no password to replace.
    """
    pending = await tokens.look(auth, VERIFY, token)
    if not await verifications.is_awaited(auth, pending.user_id):
        raise InvalidToken
    await _set(auth, pending, password, client)


@retried
async def _set(auth: Auth, pending: Row[Any], password: str, client: Client) -> None:
    digest = await _hashed(auth, await users.get(auth, pending.user_id), password)
    async with auth.transaction() as db:
        row = await tokens.consume(auth, db, pending)
        if row.verified_at is None:
            await verifications.take_over(auth, db, row.id, pending.address, Actor(client, row.id))
        done = PasswordReset(at=auth.now(), user_id=row.id, actor_id=row.id, client=client)
        letter = credentials.notice(auth, PasswordReset, row.address)
        lifted = attempts.lifted(auth, managers.METHOD, row.canonical)
        statements = [queries.put(row.id, digest, auth.now()), user_queries.change(row.id, {"demands": []}), lifted]
        await credentials.changed(auth, db, done, *statements, letter=letter)


async def link(auth: Auth, user: User) -> str:
    """A new link that sets the user's password; it works once, within `invitation_lifetime`.

    The audit log records it, because the operator who made the link could use it.
    """
    ticket = Ticket(user.id, INVITATION, parse(user.email), auth.of(PasswordSettings).invitation_lifetime)
    token, kept = tokens.issue(auth, ticket)
    async with auth.transaction() as db:
        await events.record(auth, db, PasswordLinkMade(at=auth.now(), user_id=user.id), kept)
    return auth.link(RESET, token)


@retried
async def invite(auth: Auth, email: str, name: str | None, actor: Actor) -> User:
    """Creates a user without a password, and mails them a link to choose one.

    Raises InvalidRequest for a known or invalid address, and Unauthenticated.
    """
    lifetime = auth.of(PasswordSettings).invitation_lifetime
    async with auth.transaction() as db:
        user = await users.create(auth, email, name, db=db)
        # `create` may have waited for another transaction's claim on the address: the actor's session may have ended.
        await sessions.check_actor(auth, db, actor)
        invited = UserInvited(at=auth.now(), user_id=user.id, actor_id=actor.user_id, client=actor.client)
        context = {"link_hours": lifetime // timedelta(hours=1)}
        letter = Letter(INVITATION, user.email, context, auth.until(lifetime))
        await events.record(
            auth, db, invited, *_linked(auth, user, letter, INVITATION, lifetime, actor.shown_to(user.id))
        )
        return user


@retried
async def compromise(auth: Auth, user: User, actor: Actor) -> None:
    """Marks the user's password as compromised: ends all sessions, and the next login must change it.

    Raises NotFound and Forbidden.
    """
    marked = PasswordCompromised(at=auth.now(), user_id=user.id, actor_id=actor.user_id, client=actor.client)
    demand = user_queries.change(user.id, {"demands": [CHANGE]})
    async with auth.transaction() as db:
        row = await permits.obtain(auth, db, marked, actor)
        letter = credentials.notice(auth, PasswordCompromised, row.address)
        await credentials.changed(auth, db, marked, demand, letter=letter)


async def _hashed(auth: Auth, user: User, password: str) -> str:
    """The hash of a new password for this user. Raises InvalidRequest if the password is refused."""
    local = parse(user.email).canonical.partition("@")[0]
    password = policy.normalized(password)
    policy.check("new_password", password, *managers.rules(auth, local, user.name))
    digest = await auth.hasher.hash(password)
    await managers.refuse_breached(auth, "new_password", password)
    return digest


async def _pending(auth: Auth, token: str) -> Row[Any]:
    """The row of a valid token for a reset or an invitation. Raises InvalidToken."""
    try:
        return await tokens.look(auth, RESET, token)
    except InvalidToken:
        return await tokens.look(auth, INVITATION, token)


def _linked(  # noqa: PLR0913, PLR0917 - a letter, and the link that goes into it
    auth: Auth, user: User, letter: Letter, purpose: str, lifetime: timedelta, client: Client
) -> list[Statement]:
    """The statements that send the letter with a new link, and end earlier links of the same purpose."""
    token, kept = tokens.issue(auth, Ticket(user.id, purpose, parse(user.email), lifetime))
    letter = replace(letter, context={**letter.context, "link": auth.link(RESET, token)})
    retired = token_queries.retire(user.id, purpose, auth.now())
    return [retired, kept, outbox.post(auth, user.id, letter, client)]
