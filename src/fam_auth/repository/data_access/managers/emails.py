"""Email addresses: resend the verification mail, change the address, undo the change."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address, parse
from fam_auth.core.database import retried
from fam_auth.core.statements import Statement
from fam_auth.events import EmailChanged, EmailChangeRequested, EmailChangeUndone, EmailVerificationSent, LoginGuessed
from fam_auth.exceptions import InvalidToken
from fam_auth.repository.data_access.managers import (
    attempts,
    credentials,
    outbox,
    registrations,
    sessions,
    tokens,
    users,
    verifications,
)
from fam_auth.repository.data_access.managers.outbox import Letter, Request
from fam_auth.repository.data_access.managers.tokens import Ticket
from fam_auth.repository.data_access.managers.verifications import VERIFY
from fam_auth.repository.data_access.queries import tokens as token_queries
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Actor, Client, Session, User

CONFIRM, UNDO = "confirm_email_change", token_queries.UNDO


async def resend(auth: Auth, email: str, client: Client) -> None:
    """Queues a new verification mail if the address has an account that is not verified yet; sends none otherwise.

    Raises TooManyAttempts for the client's network only, so the answer does not tell whether the address has an
    account.
    """
    request = Request(EmailVerificationSent, users.checked(email).shown, client)
    await attempts.limit_mails(auth, client)
    await ask(auth, request, kills=VERIFY)


async def ask(auth: Auth, request: Request, *, kills: str | None = None) -> None:
    """Queues the request for a worker, unless the address has reached its limit of mails. Commits.

    Links of the purpose `kills` that went to the address stop working now, not when the worker sends the new one.
    """
    canonical = parse(request.address).canonical
    if await attempts.may_mail(auth, request.event.kind, canonical):
        killed = [token_queries.retire_at(canonical, kills, auth.now())] if kills else []
        async with auth.transaction() as db:
            await auth.database.together(db, *killed, outbox.ask(auth, request))


async def send_again(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """Answers `resend`: the old link stops working and a new one is mailed. False when the address is verified."""
    if user.email_verified:
        return False
    await db.execute(token_queries.retire(user.id, VERIFY, auth.now()))
    await auth.database.together(db, *verifications.mail(auth, user.id, parse(user.email), request.client))
    return True


async def send_warning(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """Warns the owner that someone is guessing their password."""
    letter = credentials.notice(auth, LoginGuessed, user.email)
    await auth.database.together(db, outbox.post(auth, user.id, letter, request.client))
    return True


async def change(auth: Auth, session: Session, email: str, client: Client) -> None:
    """Queues two mails: a link to confirm to the new address, and a link to undo to the current one.

    The request is void once the session has ended or the user's credentials have changed. Raises TooManyAttempts.
    """
    user_id = session.user_id
    await attempts.limit(auth, attempts.Limit("change of address", str(user_id), auth.settings.throttle.mail_day))
    address = users.checked(email).shown
    await ask(auth, Request(EmailChangeRequested, address, client, user_id, session.id))


async def send_change(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """Answers `change`. If another user has verified the address, they are notified and no confirmation is sent.

    The current address gets its mail either way: a missing mail would tell the user that the new address has an
    account.
    """
    old, new, now = parse(user.email), parse(request.address), auth.now()
    holder = (await db.execute(queries.by_address(new.canonical))).first()
    if holder is not None and holder.id == user.id:
        return False
    await db.execute(token_queries.retire(user.id, CONFIRM, now))
    mails = _way_back(auth, user.id, old, request.client)
    if holder is not None and holder.verified_at is not None:
        taken = credentials.notice(auth, "address_taken", holder.address)
        mails.append(outbox.post(auth, holder.id, taken, request.client))
    else:
        mails.extend(_confirmation(auth, user.id, new, request))
    await auth.database.together(db, *mails)
    return True


@retried
async def confirm(auth: Auth, token: str, client: Client) -> User:
    """The token's address is the user's, and all sessions but the one that asked for the change have ended.

    Both addresses are notified. Raises InvalidToken, also when that session has ended since.
    """
    pending = await tokens.look(auth, CONFIRM, token)
    async with auth.transaction() as db:
        user = queries.value(await tokens.consume(auth, db, pending))
        if pending.session_id is not None and not await sessions.is_live(auth, db, pending.session_id):
            raise InvalidToken
        await _move(auth, db, user.id, Address(pending.shown, pending.address), client)
        arrived = credentials.notice(auth, EmailChanged, pending.shown, was_yours=False)
        letters = [_moved_away(auth, user.email), arrived]
        posted = [outbox.post(auth, user.id, letter, client) for letter in letters]
        changed = EmailChanged(at=auth.now(), user_id=user.id, actor_id=user.id, client=client)
        await credentials.changed(auth, db, changed, *posted, letter=None, keep=pending.session_id)
        return queries.value((await db.execute(queries.by_id(user.id))).one())


def _moved_away(auth: Auth, address: str) -> Letter:
    return credentials.notice(auth, EmailChanged, address, was_yours=True)


async def undo(auth: Auth, token: str, client: Client) -> None:
    """Undoes what the mail with this token announced: its reader says "this was not me". Raises InvalidToken.

    After a change of address, the user has the earlier address again and all sessions have ended. After a registration,
    the registration is deleted.
    """
    try:
        await _bring_back(auth, token, client)
    except InvalidToken:
        await verifications.disown(auth, token, client)


@retried
async def _bring_back(auth: Auth, token: str, client: Client) -> None:
    """The token's address is the user's again, and the undo links of later changes stop working.

    An attacker who took over the account made those later changes, so the oldest undo link always wins.
    """
    pending = await tokens.look(auth, UNDO, token)
    async with auth.transaction() as db:
        user = queries.value(await tokens.consume(auth, db, pending))
        address = Address(pending.shown, pending.address)
        detail = {"since": pending.created_at.isoformat()}
        undone = EmailChangeUndone(at=auth.now(), user_id=user.id, actor_id=user.id, client=client, detail=detail)
        if parse(user.email).canonical != address.canonical:
            await _move(auth, db, user.id, address, client)
            moved = outbox.post(auth, user.id, _moved_away(auth, user.email), client)
            await auth.database.together(db, moved)
        await db.execute(token_queries.retire_younger(user.id, UNDO, pending.id, auth.now()))
        letter = credentials.notice(auth, EmailChangeUndone, address.shown)
        await credentials.changed(auth, db, undone, letter=letter)


async def _move(auth: Auth, db: AsyncSession, user_id: UUID, address: Address, client: Client) -> None:
    """The address is the user's, and verified. Raises InvalidToken when another user has verified it first.

    An account that has registered the address without verifying it is deleted: only the user has read its mailbox.
    """
    holder = (await db.execute(queries.by_address(address.canonical).with_for_update(key_share=True))).first()
    if holder is not None and holder.id != user_id:
        if not await registrations.may_be_replaced(auth, db, holder):
            raise InvalidToken
        # Its mail says that the account was deleted, but not from which client: that is another user's.
        await users.remove(auth, holder.id, Actor(Client(language=client.language)), db=db)
    try:
        await db.execute(queries.move(user_id, address.shown, address.canonical, auth.now()))
    except IntegrityError as error:  # another user has verified it at the same moment
        raise InvalidToken from error


def _confirmation(auth: Auth, user_id: UUID, address: Address, request: Request) -> list[Statement]:
    lifetime = auth.settings.confirm_lifetime
    token, kept = tokens.issue(auth, Ticket(user_id, CONFIRM, address, lifetime), session_id=request.session_id)
    context = {"link": auth.link(CONFIRM, token), "link_minutes": lifetime // timedelta(minutes=1)}
    letter = Letter(CONFIRM, address.shown, context, auth.until(lifetime))
    return [kept, outbox.post(auth, user_id, letter, request.client)]


def _way_back(auth: Auth, user_id: UUID, address: Address, client: Client) -> list[Statement]:
    lifetime = auth.settings.undo_lifetime
    token, kept = tokens.issue(auth, Ticket(user_id, UNDO, address, lifetime))
    context = {"link": auth.link(UNDO, token), "link_hours": lifetime // timedelta(hours=1)}
    return [kept, outbox.post(auth, user_id, Letter(UNDO, address.shown, context, auth.until(lifetime)), client)]
