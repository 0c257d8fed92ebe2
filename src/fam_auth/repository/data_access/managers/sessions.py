"""Sessions: starts them (nothing else does), and checks, refreshes, lists and ends them."""

import logging
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import parse
from fam_auth.core.database import Rows
from fam_auth.core.sealed_tokens import SealedToken
from fam_auth.core.session_cache import CachedSession
from fam_auth.core.statements import Statement
from fam_auth.events import SessionEnded, SessionRefreshReused, SessionStarted, SessionSteppedUp
from fam_auth.exceptions import (
    InvalidLoginToken,
    InvalidRefreshToken,
    NotFound,
    TooManyAttempts,
    Unauthenticated,
)
from fam_auth.pipeline import Complete, Progress
from fam_auth.repository.data_access.managers import events, invalidation, known_browsers, outbox
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import logins, users
from fam_auth.repository.data_access.queries import sessions as queries
from fam_auth.values import Actor, Claims, Client, Page, Session, Tokens, Transport, User

# Session id, generation, expiry in seconds since the epoch.
_LAYOUT = struct.Struct(">16sHI")
ACCESS: Mapping[Transport, SealedToken] = {
    "bearer": SealedToken("fams_", "bearer", _LAYOUT),
    "cookie": SealedToken("famc_", "cookie", _LAYOUT),
}
# Session id, number of refreshes before this token was issued.
REFRESH = SealedToken("famr_", "refresh", struct.Struct(">16sI"))
log = logging.getLogger("fam_auth")


async def start(auth: Auth, db: AsyncSession, progress: Progress, claims: Claims, *statements: Statement) -> Complete:
    """Starts the session of a login without remaining steps, and runs `statements` with it. Does not commit.

    Call it from the login pipeline alone: this is the only place that creates sessions.
    """
    now = auth.now()
    session = Session(
        id=auth.new_id(),
        user_id=progress.user.id,
        transport=progress.transport,
        proofs=progress.proofs,
        claims=claims.held,
        claims_until=claims.until,
        generation=1,
        created_at=now,
        seen_at=now,
        expires_at=auth.until(auth.settings.session_absolute),
        address=progress.client.address,
        agent=progress.client.agent,
    )
    user_id = session.user_id
    started = SessionStarted(at=now, user_id=user_id, session_id=session.id, actor_id=user_id, client=progress.client)
    notices = [] if progress.is_known_device else [_new_device(auth, progress.user, session, progress.client)]
    # The oldest sessions end when a user has more than the setting allows (OWASP ASVS 7.1.2). This statement counts
    # them after the user was locked, so that parallel sign-ins see each other's sessions.
    others = auth.settings.sessions_per_account - 1
    oldest = queries.end_oldest(session.user_id, others, now, auth.used_since())
    ended = await events.record(auth, db, started, queries.add(session), *notices, *statements, returning=oldest)
    await _tell_ended(auth, db, ended, "too_many", Actor(progress.client))
    return _complete(auth, progress, session, 0)


async def step_up(
    auth: Auth,
    db: AsyncSession,
    progress: Progress,
    session_id: UUID,
    claims: Claims,
    *statements: Statement,
) -> Complete:
    """Gives the session the new proofs and claims; its earlier tokens stop working. Raises InvalidLoginToken.

    The new proofs replace the old ones: a factor that was not proved again must not count as recent. Does not commit.
    """
    now = auth.now()
    row = (await db.execute(queries.step_up(session_id, progress.proofs, claims, now))).first()
    if row is None:
        raise InvalidLoginToken
    session = queries.value(row)
    user_id = session.user_id
    stepped = SessionSteppedUp(at=now, user_id=user_id, session_id=session.id, actor_id=user_id, client=progress.client)
    await events.record(auth, db, stepped, *statements)
    return _complete(auth, progress, session, row.refreshes)


def _complete(auth: Auth, progress: Progress, session: Session, refreshes: int) -> Complete:
    user = progress.user
    device = known_browsers.remembered(auth, parse(user.email).canonical, progress.device)
    if session.transport == "cookie":
        return Complete(user, session, None, cookie(auth, session), device)
    tokens = _tokens(auth, session.id, session.generation, refreshes, session.expires_at)
    return Complete(user, session, tokens, None, device)


def _new_device(auth: Auth, user: User, session: Session, client: Client) -> Statement:
    """Notifies the user of a sign-in from a new browser; not at their first sign-in."""
    letter = Letter(SessionStarted.notifies, user.email, {"agent": session.agent}, auth.until(timedelta(days=3)))
    return outbox.post(auth, user.id, letter, client, only_if=queries.is_from_new_device(session))


async def claims_of(auth: Auth, db: AsyncSession, user: User) -> Claims:
    """The claims that the features add to the user's sessions, valid until the earliest `until` of them."""
    held: dict[str, Any] = {}
    ends: list[datetime] = []
    for feature in auth.features:
        claimed = dict(await feature.claims(auth, db, user))
        until = claimed.pop("until", None)
        ends += [] if until is None else [until]
        held.update(claimed)
    return Claims(held, min(ends, default=None))


async def outdate_claims(auth: Auth, db: AsyncSession, user_ids: Rows) -> None:
    """The claims of these users are computed again at their next request, in every worker. Does not commit.

    The users stay locked until the commit, so that nobody signs in with outdated claims meanwhile.
    """
    await db.execute(users.hold(user_ids))
    await db.execute(queries.outdate(user_ids, auth.now()))
    await invalidation.invalidate_all(auth, db, user_ids)


async def _renew_claims(auth: Auth, user_id: UUID) -> None:
    """Stores the user's current claims in their sessions. Commits."""
    async with auth.transaction() as db:
        row = (await db.execute(users.locked(user_id))).first()
        if row is not None:
            await db.execute(queries.claim(user_id, await claims_of(auth, db, users.value(row))))


def cookie(auth: Auth, session: Session) -> str:
    """The value of the session's cookie."""
    return _access(auth, "cookie", session.id, session.generation, session.expires_at)


async def current(auth: Auth, token: str, transport: Transport) -> tuple[Session, User]:
    """The live session of an access token or a cookie, and its user. Raises Unauthenticated.

    Looks in this worker's cache first, then takes one statement.
    """
    known = remembered(auth, _shown(token, transport))
    return known or _used(auth, await _asked_for(auth, token, transport), auth.session_cache.now())


def remembered(auth: Auth, shown: bytes | str) -> tuple[Session, User] | None:
    """The same from this worker's cache alone, by the whole Authorization header or the cookie's value; else None."""
    at = auth.session_cache.now()
    known = auth.session_cache.find(shown, at)
    return None if known is None else _used(auth, known, at)


def _shown(token: str, transport: Transport) -> bytes | str:
    """The cache key of a token: the Authorization header as it arrives, so that a cache hit needs no parsing."""
    return f"Bearer {token}".encode() if transport == "bearer" else token


def _used(auth: Auth, known: CachedSession, at: float) -> tuple[Session, User]:
    if at > known.stale_at:
        known.seen(at)
        auth.session_cache.uses[known.session.id] = auth.now()
    return known.session, known.user


async def _asked_for(auth: Auth, token: str, transport: Transport) -> CachedSession:
    """The session of a token from the database, with current claims; puts it into the cache. Raises Unauthenticated."""
    payload, now = ACCESS[transport].open(auth.keys, token), auth.now()
    if payload is None or payload[2] <= now.timestamp():
        raise Unauthenticated
    asked_at = auth.session_cache.clock()
    statement = queries.live(UUID(bytes=payload[0]), payload[1], now, auth.used_since())
    row = await auth.database.row(statement)
    if row is not None and row.claims_until is not None and row.claims_until <= now:
        await _renew_claims(auth, row.user_id)
        row = await auth.database.row(statement)
    if row is None:
        raise Unauthenticated
    session = queries.value(row)
    ends = [payload[2], *(end.timestamp() for end in (session.expires_at, session.claims_until) if end is not None)]
    idle = auth.settings.session_idle.total_seconds()
    known = CachedSession(session, queries.owner(row), min(ends), idle, session.seen_at.timestamp())
    auth.session_cache.keep(_shown(token, transport), known, asked_at)
    return known


async def is_live(auth: Auth, db: AsyncSession, session_id: UUID) -> bool:
    """Whether the session is still live, read in the transaction that depends on it."""
    statement = queries.live_among([session_id], auth.now(), auth.used_since())
    return (await db.execute(statement)).first() is not None


async def goes_on(auth: Auth, db: AsyncSession, session_or_login: UUID) -> bool:
    """Whether a session or a login in progress still exists, read in the transaction that it acts in."""
    under_way = logins.goes_on(session_or_login, auth.now())
    return await is_live(auth, db, session_or_login) or (await db.execute(under_way)).first() is not None


async def check_actor(auth: Auth, db: AsyncSession, actor: Actor) -> None:
    """Checks again, after a wait for a lock, that the actor's session may act.

    Raises Unauthenticated if it has ended, and the route's refusal if it no longer meets the route's demands.
    """
    if actor.session_id is None:
        return
    live = queries.live_among([actor.session_id], auth.now(), auth.used_since())
    row = (await db.execute(live)).first()
    if row is None:
        raise Unauthenticated
    if actor.judge is not None:
        actor.judge(await _with_claims(auth, db, queries.value(row)))


async def _with_claims(auth: Auth, db: AsyncSession, session: Session) -> Session:
    """The session with current claims, computed again only if the stored ones are outdated."""
    if session.claims_until is None or session.claims_until > auth.now():
        return session
    row = (await db.execute(users.by_id(session.user_id))).first()
    if row is None:  # deleted between the two statements
        raise Unauthenticated
    claims = await claims_of(auth, db, users.value(row))
    return replace(session, claims=claims.held, claims_until=claims.until)


async def live(auth: Auth, ids: Collection[UUID], *, renew: bool = True) -> dict[UUID, Session]:
    """The live ones of these sessions, with current claims; with `renew` off, with the claims as stored.

    Leaves out (and logs) a row that cannot be read, so that it does not fail the others.
    """
    rows = await auth.database.rows(queries.live_among(ids, auth.now(), auth.used_since()))
    now = auth.now()
    stale = {row.user_id for row in rows if renew and row.claims_until is not None and row.claims_until <= now}
    for user_id in stale:
        await _renew_claims(auth, user_id)
    if stale:
        rows = await auth.database.rows(queries.live_among(ids, auth.now(), auth.used_since()))
    found: dict[UUID, Session] = {}
    for row in rows:
        try:
            found[row.id] = queries.value(row)
        except Exception:
            log.exception("Could not read the session %s.", row.id)
    return found


async def refresh(auth: Auth, token: str, client: Client) -> Tokens:
    """Consumes the refresh token and returns new tokens (RFC 9700, 4.14.2: rotation).

    Within `refresh_grace` the same token gives the same successor, so that a client can retry after a lost response.
    After that, or once the successor was used, the token must have been copied: the session ends. Raises
    InvalidRefreshToken and TooManyAttempts.
    """
    payload = REFRESH.open(auth.keys, token)
    if payload is None:
        raise InvalidRefreshToken
    session_id, refreshes = UUID(bytes=payload[0]), int(payload[1])
    now, used_since, rate = auth.now(), auth.used_since(), auth.settings.throttle.refresh
    row = await auth.database.row(queries.rotate(session_id, refreshes, now, used_since, rate))
    if row is None:
        since = now - auth.settings.refresh_grace
        row = await auth.database.row(queries.rotated(session_id, refreshes, since, now, used_since))
    if row is None:
        held = await auth.database.row(queries.held_back(session_id, refreshes, now, used_since, rate))
        if held is not None:
            raise TooManyAttempts(retry_after=timedelta(seconds=held.seconds))
        await _end_if_stolen(auth, session_id, refreshes, client)
        raise InvalidRefreshToken
    return _tokens(auth, session_id, row.generation, refreshes + 1, row.expires_at)


async def extend(auth: Auth, session: Session) -> None:
    """Marks the session as used now, so that it does not end by the idle timeout."""
    await auth.database.rows(queries.extend(session.id, auth.now()))


async def note_seen(auth: Auth) -> None:
    """Writes when this worker's sessions were last used, in one batch; keeps what fails for the next time."""
    if auth.session_cache.uses:
        uses, auth.session_cache.uses = auth.session_cache.uses, {}
        try:
            await _write_uses(auth, uses)
        except BaseException:
            auth.session_cache.uses = {**uses, **auth.session_cache.uses}
            raise


async def _write_uses(auth: Auth, uses: Mapping[UUID, datetime]) -> None:
    """Writes them one by one if the batch fails, so that one bad row does not stop the others. Raises Unavailable."""
    batch = [{"session": session, "moment": moment} for session, moment in uses.items()]
    try:
        async with auth.database.transaction() as db:
            await (await db.connection()).execute(queries.seen(), batch)
    except SQLAlchemyError:
        if len(batch) == 1:
            log.exception("Could not record the last use of a session.")
        else:
            for session, moment in uses.items():
                await _write_uses(auth, {session: moment})


async def listed(auth: Auth, user_id: UUID | None, after: UUID | None, limit: int) -> Page[Session]:
    """A page of live sessions, newest first: of one user, or (None) of all users."""
    now, used_since = auth.now(), auth.used_since()
    statement = queries.every(now, used_since) if user_id is None else queries.of_user(user_id, now, used_since)
    rows = await auth.database.rows(queries.page(statement, after, limit + 1))
    return Page.of([queries.value(row) for row in rows], limit)


async def end(  # noqa: PLR0913 - which, why, by whom, and in which transaction
    auth: Auth,
    where: Mapping[str, UUID],
    reason: str,
    actor: Actor,
    *,
    but: UUID | None = None,
    db: AsyncSession | None = None,
) -> int:
    """Ends the sessions with the values of `where` in their columns, except `but`; returns how many.

    Commits without `db`.
    """
    ended = queries.end(where, reason, auth.now(), but=but)
    async with auth.transaction(db) as joined:
        return await _tell_ended(auth, joined, await auth.database.rows(ended, joined), reason, actor)


async def _tell_ended(auth: Auth, db: AsyncSession, ended: Sequence[Row[Any]], reason: str, actor: Actor) -> int:
    """Records an event for each ended session; returns how many there were."""
    for row in ended:
        over = SessionEnded(
            at=auth.now(),
            user_id=row.user_id,
            session_id=row.id,
            actor_id=actor.user_id,
            client=actor.client,
            detail={"reason": reason},
        )
        await events.record(auth, db, over)
    return len(ended)


async def end_one(auth: Auth, where: Mapping[str, UUID], reason: str, actor: Actor) -> None:
    """Ends one session, and commits. Raises NotFound if no live session has the values of `where`."""
    if not await end(auth, where, reason, actor):
        raise NotFound


async def _end_if_stolen(auth: Auth, session_id: UUID, refreshes: int, client: Client) -> None:
    now = auth.now()
    async with auth.transaction() as db:
        stolen = queries.end_stolen(session_id, refreshes, now, auth.used_since())
        ended = (await db.execute(stolen)).first()
        if ended is None:
            return
        user = (await db.execute(users.by_id(ended.user_id))).one()
        event = SessionRefreshReused(at=now, user_id=user.id, session_id=session_id, outcome="failure", client=client)
        letter = Letter(event.notifies, user.address, {}, auth.until(timedelta(days=3)))
        await events.record(auth, db, event, outbox.post(auth, user.id, letter, client))


def _tokens(auth: Auth, session_id: UUID, generation: int, refreshes: int, expires_at: datetime) -> Tokens:
    life = min(auth.settings.access_lifetime, expires_at - auth.now())
    access = _access(auth, "bearer", session_id, generation, auth.now() + life)
    following = REFRESH.seal(auth.keys, session_id.bytes, refreshes)
    return Tokens(access, following, max(0, life // timedelta(seconds=1)))


def _access(auth: Auth, transport: Transport, session_id: UUID, generation: int, expires_at: datetime) -> str:
    return ACCESS[transport].seal(auth.keys, session_id.bytes, generation, int(expires_at.timestamp()))
