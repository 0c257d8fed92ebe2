"""A user's second factors: list, add, confirm and remove them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.auth import Auth
from fam_auth.core.database import retried
from fam_auth.events import UserEvent
from fam_auth.exceptions import Forbidden, InvalidCode, Message, NotFound
from fam_auth.features.otp import queries, recovery, totp
from fam_auth.features.otp.events import RecoveryCodesReplaced, SecondFactorAdded, SecondFactorRemoved
from fam_auth.features.otp.settings import OtpSettings
from fam_auth.pipeline import Progress
from fam_auth.repository.data_access.managers import credentials, events, outbox, permits, sessions
from fam_auth.repository.data_access.queries import sessions as session_queries
from fam_auth.repository.data_access.queries import users
from fam_auth.values import Actor, Client, Session, User

FEW = 3
MOST_DEVICES = 10
RECOVERY, BROWSER = "recovery code", "otp browser"


@dataclass(frozen=True, slots=True)
class Standing:
    """How many second factors a user has."""

    devices: int
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An authenticator that is not confirmed yet, with what the app needs; `secret` is base32."""

    id: UUID
    secret: str
    uri: str
    qr_svg: str


async def standing(auth: Auth, user_id: UUID, db: AsyncSession | None = None) -> Standing:
    """How many second factors the user has."""
    row = await auth.database.row(queries.held(user_id), db)
    assert row is not None  # noqa: S101 - counts always return a row
    return Standing(row.devices, row.recovery_codes)


async def devices(auth: Auth, user_id: UUID) -> list[Row[Any]]:
    """The rows of the user's confirmed authenticators."""
    return await auth.database.rows(queries.devices(user_id))


async def browsers(auth: Auth, user_id: UUID) -> list[Row[Any]]:
    """The rows of the user's trusted browsers."""
    return await auth.database.rows(queries.browsers(user_id, auth.now()))


async def is_trusted(auth: Auth, db: AsyncSession, progress: Progress) -> bool:
    """Whether the login's browser is trusted, and the user's authenticators have not changed since."""
    user_id = progress.user.id
    factors = _factors([row.id for row in await db.execute(queries.devices(user_id))])
    browser, fingerprint = (auth.keys.digests(BROWSER, text) for text in (progress.device, factors))
    return (await db.execute(queries.trusted(user_id, browser, fingerprint, auth.now()))).first() is not None


async def trusting(auth: Auth, user_id: UUID, device: str, client: Client) -> UpdateBase:
    """The statement that trusts a browser as long as the user's authenticators do not change."""
    settings, factors = auth.of(OtpSettings), _factors([row.id for row in await devices(auth, user_id)])
    return queries.trust(
        id=auth.new_id(),
        user_id=user_id,
        device=auth.keys.digest(BROWSER, device),
        factors=auth.keys.digest(BROWSER, factors),
        agent=client.agent,
        created_at=auth.now(),
        expires_at=auth.until(settings.remember_lifetime),
    )


async def is_required(auth: Auth, db: AsyncSession, user: User) -> bool:
    """Whether the user must have a second factor."""
    settings = auth.of(OtpSettings)
    claims = (await sessions.claims_of(auth, db, user)).held if settings.required_roles else {}
    return settings.is_required_of(user, claims)


async def end_those_of_before(auth: Auth, db: AsyncSession, user_id: UUID, actor: Actor) -> None:
    """Ends the user's sessions without a second factor if a new role requires one. Does not commit."""
    demanding = set(auth.of(OtpSettings).required_roles)
    row = (await db.execute(users.by_id(user_id))).first() if demanding else None
    held = {} if row is None else (await sessions.claims_of(auth, db, users.value(row))).held
    if demanding.isdisjoint(held.get("roles", ())):
        return
    rows = await db.execute(session_queries.of_user(user_id, auth.now(), auth.used_since()))
    for session in (session_queries.value(row) for row in rows):
        if _is_weak(session, demanding):
            await sessions.end(auth, {"id": session.id}, "second_factor_required", actor, db=db)


async def end_all_of_before(auth: Auth, db: AsyncSession, actor: Actor) -> None:
    """The same for all users whose claims are outdated, because a role of theirs now includes another role."""
    demanding = set(auth.of(OtpSettings).required_roles)
    if not demanding:
        return
    rows = await db.execute(queries.sessions_with_old_claims(auth.now(), auth.used_since()))
    # Only users with a session that may have to end: each user costs a statement.
    weak = [one for one in map(session_queries.value, rows) if _is_weak(one, demanding)]
    for user_id in sorted({session.user_id for session in weak}):
        await end_those_of_before(auth, db, user_id, actor)


async def begin(auth: Auth, user: User, name: str) -> Enrolment:
    """Starts to add an authenticator. It can be used once `confirm` has checked a code within `enrolment_lifetime`.

    Raises Forbidden if the user has ten authenticators.
    """
    if (await standing(auth, user.id)).devices >= MOST_DEVICES:
        raise _too_many()
    device_id, secret = auth.new_id(), totp.new_secret()
    sealed = auth.keys.encrypt(place_of(device_id), secret.encode())
    added = queries.add(id=device_id, user_id=user.id, name=name, secret=sealed, created_at=auth.now())
    await auth.database.rows(added)
    return _enrolment(auth, user, device_id, secret)


async def pending(auth: Auth, user: User, device_id: UUID) -> Enrolment:
    """An authenticator that is not confirmed yet. Raises NotFound."""
    row = await _pending(auth, user, device_id)
    return _enrolment(auth, user, device_id, auth.keys.decrypt(place_of(device_id), row.secret).decode())


async def confirm(  # noqa: PLR0913 - whose device, its code, and what stays signed in
    auth: Auth, user: User, device_id: UUID, code: str, actor: Actor, *, keep: UUID | None
) -> list[str] | None:
    """Confirms the authenticator by a code; ends the user's sessions except `keep`, the session or login that acts.

    Returns the recovery codes with the first authenticator, None with a further one. Raises NotFound, InvalidCode, and
    Forbidden if the user has ten authenticators.
    """
    settings = auth.of(OtpSettings)
    row = await _pending(auth, user, device_id)
    secret = auth.keys.decrypt(place_of(device_id), row.secret).decode()
    step = totp.matching_step(secret, code, auth.now(), settings.drift)
    if step is None:
        raise InvalidCode
    added = _event(auth, SecondFactorAdded, user.id, actor, device=row.name)
    async with auth.transaction() as db:
        await db.execute(users.locked(user.id))
        before = await standing(auth, user.id, db)
        if before.devices >= MOST_DEVICES:
            raise _too_many()
        if (await db.execute(queries.confirm(device_id, step, auth.now()))).first() is None:
            raise NotFound
        codes = None if before.devices else recovery.new_codes()
        statements = [queries.remove_codes(user.id), _kept(auth, user.id, codes)] if codes else []
        letter = credentials.notice(auth, SecondFactorAdded, user.email, device=row.name)
        await credentials.changed(auth, db, added, *statements, letter=letter, keep=keep)
    return codes


async def remove(auth: Auth, user: User, device_id: UUID, actor: Actor, *, keep: UUID) -> None:
    """Removes the authenticator, and with the last one the recovery codes. Raises NotFound and Forbidden."""
    async with auth.transaction() as db:
        await db.execute(users.locked(user.id))
        removed = (await db.execute(queries.remove(device_id, user.id))).first()
        if removed is None:
            raise NotFound
        left = await standing(auth, user.id, db)
        if not left.devices and await is_required(auth, db, user):
            raise Forbidden(Message("otp.last_device"))
        event = _event(auth, SecondFactorRemoved, user.id, actor, device=removed.name)
        letter = credentials.notice(auth, SecondFactorRemoved, user.email, device=removed.name)
        gone = [queries.distrust(user.id), *([] if left.devices else [queries.remove_codes(user.id)])]
        await credentials.changed(auth, db, event, *gone, letter=letter, keep=keep)


@retried
async def remove_all(auth: Auth, user: User, reason: str, actor: Actor) -> None:
    """Removes every second factor of a user who lost theirs, as an administrator; the audit log keeps the reason.

    Raises NotFound and Forbidden.
    """
    event = _event(auth, SecondFactorRemoved, user.id, actor, device="all", reason=reason)
    async with auth.transaction() as db:
        row = await permits.obtain(auth, db, event, actor)
        letter = credentials.notice(auth, SecondFactorRemoved, row.address, device="all")
        posted = outbox.post(auth, user.id, letter, actor.shown_to(user.id))
        await credentials.changed(auth, db, event, *queries.forget(user.id), posted, letter=None)


async def forget_since(db: AsyncSession, user_id: UUID, moment: datetime) -> None:
    """Removes the authenticators and recovery codes that were added since that moment. Does not commit."""
    for statement in queries.forget_since(user_id, moment):
        await db.execute(statement)


async def replace_codes(auth: Auth, user: User, actor: Actor) -> list[str]:
    """Replaces the recovery codes, and returns the ten new ones. Raises Forbidden without an authenticator."""
    codes = recovery.new_codes()
    event = _event(auth, RecoveryCodesReplaced, user.id, actor)
    letter = credentials.notice(auth, RecoveryCodesReplaced, user.email)
    posted = outbox.post(auth, user.id, letter, actor.client)
    async with auth.transaction() as db:
        await db.execute(users.locked(user.id))
        await sessions.check_actor(auth, db, actor)
        if not (await standing(auth, user.id, db)).devices:
            raise Forbidden(Message("otp.codes_without_device"))
        await events.record(auth, db, event, queries.remove_codes(user.id), _kept(auth, user.id, codes), posted)
    return codes


async def distrust(auth: Auth, user: User, browser_id: UUID) -> None:
    """Stops trusting the browser: it needs a second factor again. Raises NotFound."""
    if not await auth.database.rows(queries.distrust(user.id, browser_id)):
        raise NotFound


def place_of(device_id: UUID) -> str:
    """The place that an authenticator's encrypted secret is bound to: it cannot be decrypted in another row."""
    return f"auth_otp_device|{device_id}|secret"


def code_digests(auth: Auth, user_id: UUID, code: str) -> list[str]:
    """The digests that a recovery code may be stored under, one for each secret that is in use."""
    return auth.keys.digests(RECOVERY, f"{user_id} {recovery.normalized(code)}")


def _too_many() -> Forbidden:
    return Forbidden(Message("otp.most_devices", {"most": MOST_DEVICES}))


async def _pending(auth: Auth, user: User, device_id: UUID) -> Row[Any]:
    since = auth.now() - auth.of(OtpSettings).enrolment_lifetime
    row = await auth.database.row(queries.pending(device_id, user.id, since))
    if row is None:
        raise NotFound
    return row


def _enrolment(auth: Auth, user: User, device_id: UUID, secret: str) -> Enrolment:
    uri = totp.uri_of(secret, user.email, auth.of(OtpSettings).issuer or auth.settings.app_name)
    return Enrolment(device_id, secret, uri, totp.qr_svg_of(uri))


def _is_weak(session: Session, demanding: set[str]) -> bool:
    """Whether a session has one factor only, and was started before its user had a role that requires two."""
    return session.assurance < "aal2" and demanding.isdisjoint(session.claims.get("roles", ()))


def _factors(devices: Sequence[UUID]) -> str:
    """A fingerprint of the user's set of authenticators."""
    return " ".join(sorted(str(device) for device in devices))


def _kept(auth: Auth, user_id: UUID, codes: list[str]) -> UpdateBase:
    digests = [auth.keys.digest(RECOVERY, f"{user_id} {recovery.normalized(code)}") for code in codes]
    return queries.add_codes(user_id, digests, auth.now())


def _event(auth: Auth, kind: type[UserEvent], user_id: UUID, actor: Actor, **detail: str) -> UserEvent:
    return kind(at=auth.now(), user_id=user_id, actor_id=actor.user_id, client=actor.client, detail=detail)
