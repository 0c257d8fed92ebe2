"""Addresses: the proof that one is its user's, and the change to another."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address, parse
from fam_auth.core.database import retried
from fam_auth.core.events import Event, EventKind
from fam_auth.core.security import new_code
from fam_auth.core.statements import Statement
from fam_auth.exceptions import InvalidCode, InvalidToken
from fam_auth.repository.data_access.managers import attempts, credentials, events, outbox, tokens, users
from fam_auth.repository.data_access.managers.outbox import Letter, Request
from fam_auth.repository.data_access.managers.tokens import Ticket
from fam_auth.repository.data_access.queries import logins as token_queries
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import Actor, Client, User

VERIFY, CONFIRM, UNDO = "verify_email", "confirm_email_change", token_queries.UNDO


def verification(auth: Auth, user_id: UUID, address: Address, client: Client) -> list[Statement]:
    """The statements that send the user a fresh link and code for their address."""
    code, lifetime = new_code(), auth.settings.verify_lifetime
    token, kept = tokens.issue(
        auth,
        Ticket(user_id, VERIFY, address, lifetime),
        code=auth.keys.digest(_code_of(address.canonical), code),
        code_expires_at=auth.until(auth.settings.code_lifetime),
    )
    context = {
        "link": auth.link(VERIFY, token),
        "disown_link": auth.link(UNDO, token),
        "code": code,
        "link_hours": lifetime // timedelta(hours=1),
        "code_minutes": auth.settings.code_lifetime // timedelta(minutes=1),
    }
    return [kept, outbox.post(auth, user_id, Letter(VERIFY, address.shown, context, auth.until(lifetime)), client)]


async def resend(auth: Auth, email: str, client: Client) -> None:
    """An unverified owner of the address will get a fresh mail, and nobody else anything."""
    await ask(auth, Request(EventKind.EMAIL_VERIFICATION_SENT, users.checked(email).shown, client), kills=VERIFY)


async def ask(auth: Auth, request: Request, *, kills: str | None = None) -> None:
    """The request is written down, unless too much has been asked for this address of late.

    Links of the purpose `kills` that went to the address are dead from now on, before the new one is made.
    """
    canonical = parse(request.address).canonical
    if await attempts.may_mail(auth, request.kind, canonical):
        killed = [token_queries.retire_at(canonical, kills, auth.now())] if kills else []
        async with auth.transaction() as db:
            await auth.database.together(db, *killed, outbox.ask(auth, request))


async def send_again(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """The answer to `resend`: the old link dies and a new one is mailed; False when the address is verified."""
    if user.email_verified:
        return False
    await db.execute(token_queries.retire(user.id, VERIFY, auth.now()))
    await auth.database.together(db, *verification(auth, user.id, parse(user.email), request.client))
    return True


async def send_warning(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """The owner hears that somebody guesses their password."""
    letter = credentials.notice(auth, "many_failures", user.email)
    await auth.database.together(db, outbox.post(auth, user.id, letter, request.client))
    return True


async def prove(auth: Auth, db: AsyncSession, user_id: UUID, canonical: str, actor: Actor) -> None:
    """The mailbox's owner has come to an account that somebody made for it: its address is verified.

    The features clear what they hold of it, so that nothing is left of whoever made it (S-128). Does not commit.
    """
    claimed = Event(EventKind.USER_CLAIMED, auth.now(), user_id, actor_id=actor.user_id, client=actor.client)
    await events.record(auth, db, claimed, queries.verify(user_id, canonical, auth.now()))


async def verify(auth: Auth, token: str, client: Client) -> User:
    """The token is used up and its address verified. Raises InvalidToken."""
    verified = await _verify(auth, auth.keys.digests(VERIFY, token), client)
    if verified is None:
        raise InvalidToken
    return verified


async def verify_by_code(auth: Auth, email: str, code: str, client: Client) -> User:
    """The same by the code of the newest mail; five tries, each counted before it is judged. Raises InvalidCode."""
    canonical = users.checked(email).canonical
    kept = await auth.database.row(token_queries.spend_code_try(VERIFY, canonical, auth.now()))
    is_right = kept is not None and auth.keys.is_digest_of(_code_of(canonical), code, kept.code)
    verified = await _verify(auth, [kept.token], client) if kept is not None and is_right else None
    if verified is None:
        failed = Event(EventKind.EMAIL_VERIFICATION_FAILED, auth.now(), outcome="failure", client=client)
        await events.record_alone(auth, failed)
        raise InvalidCode
    return verified


async def change(auth: Auth, user: User, email: str, client: Client) -> None:
    """The new address will be asked to confirm, and the present one told, with a way back. Raises TooManyAttempts."""
    await attempts.limit(auth, attempts.Use("change of address", str(user.id), auth.settings.throttle.mail_day))
    await ask(auth, Request(EventKind.EMAIL_CHANGE_REQUESTED, users.checked(email).shown, client, user.id))


async def send_change(auth: Auth, db: AsyncSession, user: User, request: Request) -> bool:
    """The answer to `change`. An address that somebody has proved to be theirs tells them, and is not taken.

    The present address gets its mail either way, or its owner would learn who else has an account.
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
        mails.extend(_confirmation(auth, user.id, new, request.client))
    await auth.database.together(db, *mails)
    return True


@retried
async def confirm(auth: Auth, token: str, client: Client) -> User:
    """The address of the token is the user's from now on; both addresses hear of it. Raises InvalidToken."""
    async with auth.transaction() as db:
        burnt = await tokens.burn(auth, db, CONFIRM, token)
        user = queries.value((await db.execute(queries.locked(burnt.user_id))).one())
        await _move(auth, db, user.id, Address(burnt.shown, burnt.address))
        letters = [credentials.notice(auth, "email_changed", to) for to in (user.email, burnt.shown)]
        posted = [outbox.post(auth, user.id, letter, client) for letter in letters]
        changed = Event(EventKind.EMAIL_CHANGED, auth.now(), user.id, actor_id=user.id, client=client)
        # A link that was mailed to the old address is worth nothing any more.
        await events.record(auth, db, changed, token_queries.retire_all(user.id, auth.now()), *posted)
        return queries.value((await db.execute(queries.by_id(user.id))).one())


async def undo(auth: Auth, token: str, client: Client) -> None:
    """The mail that carried the token is taken at its word: "this was not me". Raises InvalidToken.

    The address of before is the user's again, and everybody is signed out; an account that was registered with an
    address whose owner disowns it is gone.
    """
    try:
        await _bring_back(auth, token, client)
    except InvalidToken:
        await _disown(auth, token, client)


@retried
async def _bring_back(auth: Auth, token: str, client: Client) -> None:
    async with auth.transaction() as db:
        burnt = await tokens.burn(auth, db, UNDO, token)
        user = queries.value((await db.execute(queries.locked(burnt.user_id))).one())
        undone = Event(EventKind.EMAIL_CHANGE_UNDONE, auth.now(), user.id, actor_id=user.id, client=client)
        if parse(user.email).canonical != burnt.address:
            await _move(auth, db, user.id, Address(burnt.shown, burnt.address))
            moved = outbox.post(auth, user.id, credentials.notice(auth, "email_changed", user.email), client)
            await auth.database.together(db, moved)
        letter = credentials.notice(auth, "email_change_undone", burnt.shown)
        await credentials.changed(auth, db, undone, letter=letter)


async def _disown(auth: Auth, token: str, client: Client) -> None:
    async with auth.transaction() as db:
        burnt = await tokens.burn(auth, db, VERIFY, token)
        await users.remove(auth, burnt.user_id, Actor(client), db=db)


async def _move(auth: Auth, db: AsyncSession, user_id: UUID, address: Address) -> None:
    """The address is the user's, and proved. Raises InvalidToken when somebody else has proved it first.

    An account that merely claims the address goes: whoever reads the mailbox is right (S-128).
    """
    holder = (await db.execute(queries.by_address(address.canonical).with_for_update())).first()
    if holder is not None and holder.id != user_id:
        if holder.verified_at is not None:
            raise InvalidToken
        await db.execute(queries.remove(holder.id))
    await db.execute(queries.move(user_id, address.shown, address.canonical, auth.now()))


def _confirmation(auth: Auth, user_id: UUID, address: Address, client: Client) -> list[Statement]:
    lifetime = auth.settings.confirm_lifetime
    token, kept = tokens.issue(auth, Ticket(user_id, CONFIRM, address, lifetime))
    context = {"link": auth.link(CONFIRM, token), "link_minutes": lifetime // timedelta(minutes=1)}
    return [kept, outbox.post(auth, user_id, Letter(CONFIRM, address.shown, context, auth.until(lifetime)), client)]


def _way_back(auth: Auth, user_id: UUID, address: Address, client: Client) -> list[Statement]:
    lifetime = auth.settings.undo_lifetime
    token, kept = tokens.issue(auth, Ticket(user_id, UNDO, address, lifetime))
    context = {"link": auth.link(UNDO, token), "link_hours": lifetime // timedelta(hours=1)}
    return [kept, outbox.post(auth, user_id, Letter(UNDO, address.shown, context, auth.until(lifetime)), client)]


async def _verify(auth: Auth, digests: Sequence[str], client: Client) -> User | None:
    async with auth.transaction() as db:
        burnt = (await db.execute(token_queries.burn(VERIFY, digests, auth.now()))).first()
        if burnt is None:
            return None
        verified = Event(EventKind.EMAIL_VERIFIED, auth.now(), burnt.user_id, actor_id=burnt.user_id, client=client)
        await events.record(
            auth, db, verified, queries.verify(burnt.user_id, burnt.address, auth.now()), token=burnt.id
        )
        return queries.value((await db.execute(queries.by_id(burnt.user_id))).one())


def _code_of(canonical: str) -> str:
    return f"{VERIFY} code {canonical}"
