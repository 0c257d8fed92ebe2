"""The login pipeline: it takes proofs of authentication factors, and starts a session when no step remains."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.database import Rows
from fam_auth.core.security import new_token
from fam_auth.core.statements import Filled, Statement
from fam_auth.events import Event, LoginFailed, LoginGuessed, LoginStarted, LoginThrottled
from fam_auth.exceptions import (
    Forbidden,
    InvalidCode,
    InvalidCredentials,
    InvalidLoginToken,
    Message,
    NoLogin,
    TooManyAttempts,
)
from fam_auth.pipeline import Attempt, Incomplete, Outcome, Progress, Step, remaining_steps
from fam_auth.repository.data_access.managers import (
    attempts,
    credentials,
    emails,
    events,
    known_browsers,
    outbox,
    sessions,
)
from fam_auth.repository.data_access.managers.attempts import CountedAttempt
from fam_auth.repository.data_access.managers.outbox import Request
from fam_auth.repository.data_access.queries import logins as queries
from fam_auth.repository.data_access.queries import users
from fam_auth.values import Client, Proof, Session, User, Visit

TOKEN = "login"  # noqa: S105 - the purpose of a token, not a token
MANY = 10
VERIFY_EMAIL = Step("verify_email")


async def guard(auth: Auth, tried: Attempt) -> CountedAttempt:
    """Counts one attempt on this account, and asks every feature whether the proof may be checked. Commits.

    Raises TooManyAttempts, and the refusals of the features.
    """
    try:
        attempt = await attempts.consume(auth, tried)
    except TooManyAttempts:
        throttled = LoginThrottled(at=auth.now(), outcome="failure", client=tried.visit.client)
        await events.record_alone(auth, throttled)
        raise
    for feature in auth.features:
        await feature.guard(auth, tried)
    return attempt


async def fail(auth: Auth, user_id: UUID | None, tried: Attempt, attempt: CountedAttempt) -> InvalidCredentials:
    """Records a failed login, with or without an account; returns the refusal to raise.

    Does the same work for an unknown address (`user_id` None), so that timing does not tell which addresses have an
    account. After ten failures in a row the owner is notified.
    """
    client = tried.visit.client
    failed = LoginFailed(
        at=auth.now(), user_id=user_id, outcome="failure", client=client, detail={"method": tried.method}
    )
    async with auth.transaction() as db:
        await events.record(auth, db, failed, *attempt.failed())
    if attempt.tries == MANY:
        await emails.ask(auth, Request(LoginGuessed, tried.account, client))
    return InvalidCredentials()


async def begin(
    auth: Auth, proof: Proof, visit: Visit, *, locking: Rows | Filled, attempt: CountedAttempt | None = None
) -> Outcome:
    """After a correct first factor: returns a session, or a login in progress if steps remain. Refunds the attempt.

    With the token of a step-up of this user, continues that step-up. `locking` selects and locks the user together with
    the rows that the proof depends on, such as the hash that was checked (`users.locked` with a join); it finds nothing
    if one of them has changed since. Raises InvalidCredentials then, and for a suspended user.
    """
    async with auth.transaction() as db:
        user = await _locked(auth, db, locking)
        if user is None:
            raise InvalidCredentials
        known = attempt.device if attempt else None
        progress = Progress(
            user,
            (proof,),
            visit.transport,
            visit.client,
            device=known or known_browsers.new(),
            is_known_device=known is not None,
        )
        if visit.login_token is not None:
            progress = await _joined(auth, db, progress, visit.login_token)
        after = [] if attempt is None else [*attempt.forgiven(), *_guessed(auth, progress, attempt)]
        return await _advance(auth, db, progress, *after)


async def step_up(auth: Auth, session: Session, user: User, client: Client) -> Incomplete:
    """Starts a login that steps up this session: it requires the first factor again, then the second."""
    async with auth.transaction() as db:
        progress = Progress(user, (), session.transport, client, session.id, device=known_browsers.new())
        return await _keep(auth, db, progress, (_first(auth),))


async def prove(  # noqa: PLR0913 - a proof, and what comes and goes with it
    auth: Auth,
    login_token: str,
    proof: Proof | None,
    client: Client,
    *statements: Statement,
    consuming: Statement | None = None,
    told: Sequence[Event] = (),
) -> Outcome:
    """Continues a login after a further correct proof, or (None) after another step. Consumes the token.

    `consuming` consumes what the proof was made with, such as a code, in the same transaction: if it returns no row,
    InvalidCode is raised and nothing changes. `told` are events to record with it. Raises InvalidLoginToken.
    """
    digests = auth.keys.digests(TOKEN, login_token)
    async with auth.transaction() as db:
        # Lock the user first, like everything that ends logins: no login outlives a change of credentials, no deadlock.
        user = await _locked(auth, db, users.locked(queries.owner_of(digests, auth.now())))
        taken = None if user is None else (await db.execute(queries.take(digests, auth.now()))).first()
        if user is None or taken is None:
            raise InvalidLoginToken
        proofs = _proofs(taken) if proof is None else (*_proofs(taken), proof)
        if consuming is not None and await auth.database.row(consuming, db) is None:
            raise InvalidCode
        for event in told:
            await events.record(auth, db, event)
        return await _advance(auth, db, _progress(user, taken, proofs, client), *statements)


async def standing(auth: Auth, login_token: str) -> Incomplete:
    """The remaining steps of the login in progress; its token stays valid. Raises NoLogin."""
    async with auth.transaction() as db:
        under_way = (await db.execute(queries.under_way(auth.keys.digests(TOKEN, login_token), auth.now()))).first()
        row = None if under_way is None else (await db.execute(users.by_id(under_way.user_id))).first()
        if under_way is None or row is None:
            raise NoLogin
        progress = _progress(users.value(row), under_way, _proofs(under_way), Client())
        steps = await _lacking(auth, db, progress)
        return Incomplete(login_token, under_way.transport, under_way.expires_at, steps)


async def under_way(auth: Auth, login_token: str | None) -> Row[Any] | None:
    """The row of the login that the token belongs to; None for no token and for any other."""
    if login_token is None:
        return None
    return await auth.database.row(queries.under_way(auth.keys.digests(TOKEN, login_token), auth.now()))


async def user_of(auth: Auth, login_token: str | None) -> UUID | None:
    """The user of the token's login, once it has passed its first factor; None for any other token."""
    row = await under_way(auth, login_token)
    return row.user_id if row is not None and row.proofs else None


async def at_step(auth: Auth, login_token: str | None, name: str) -> Row[Any]:
    """The row of the login, if `name` is its next step: steps are done in their order.

    Raises InvalidLoginToken if the step does not remain, and Forbidden if an earlier step does.
    """
    row = await under_way(auth, login_token)
    if row is None or login_token is None:
        raise InvalidLoginToken
    steps = [step.name for step in (await standing(auth, login_token)).next]
    if name not in steps:
        raise InvalidLoginToken
    if steps[0] != name:
        raise Forbidden(Message("details.earlier_step", {"step": steps[0]}))
    return row


async def abandon(auth: Auth, login_token: str) -> None:
    """Deletes the login in progress; does nothing for any other token."""
    await auth.database.rows(queries.take(auth.keys.digests(TOKEN, login_token), auth.now()))


async def _advance(auth: Auth, db: AsyncSession, progress: Progress, *forgiven: Statement) -> Outcome:
    steps = await _lacking(auth, db, progress)
    if steps:
        return await _keep(auth, db, progress, steps, *forgiven)
    claims = await sessions.claims_of(auth, db, progress.user)
    if progress.steps_up is not None:
        return await sessions.step_up(auth, db, progress, progress.steps_up, claims, *forgiven)
    return await sessions.start(auth, db, progress, claims, *forgiven)


async def _joined(auth: Auth, db: AsyncSession, progress: Progress, login_token: str) -> Progress:
    """The progress as part of the user's step-up, if the token belongs to one; else unchanged. Consumes the token."""
    digests = auth.keys.digests(TOKEN, login_token)
    taken = (await db.execute(queries.take_step_up(progress.user.id, digests, auth.now()))).first()
    if taken is None:
        return progress
    return replace(
        progress, proofs=(*_proofs(taken), *progress.proofs), transport=taken.transport, steps_up=taken.session_id
    )


async def _keep(
    auth: Auth, db: AsyncSession, progress: Progress, steps: tuple[Step, ...], *forgiven: Statement
) -> Incomplete:
    token, expires_at = new_token("faml"), auth.until(auth.settings.login_lifetime)
    kept = queries.add(
        progress.proofs,
        id=auth.new_id(),
        user_id=progress.user.id,
        session_id=progress.steps_up,
        device=progress.device,
        is_known_device=progress.is_known_device,
        token=auth.keys.digest(TOKEN, token),
        transport=progress.transport,
        created_at=auth.now(),
        expires_at=expires_at,
    )
    started = LoginStarted(at=auth.now(), user_id=progress.user.id, client=progress.client)
    await events.record(auth, db, started, kept, *forgiven)
    return Incomplete(token, progress.transport, expires_at, steps)


async def _locked(auth: Auth, db: AsyncSession, locking: Rows | Filled) -> User | None:
    """The user, locked until the transaction ends; None if deleted or suspended."""
    row = await auth.database.row(locking, db)
    user = None if row is None else users.value(row)
    return None if user is None or user.is_suspended(auth.now()) else user


async def _lacking(auth: Auth, db: AsyncSession, progress: Progress) -> tuple[Step, ...]:
    """The steps that remain. Asks every feature, so that no sign-in method bypasses a second factor.

    A step-up starts over with the first factor: a second factor does not replace it.
    """
    ways = {way for feature in auth.features for way in feature.ways}
    if progress.steps_up is not None and not ways & {proof.method for proof in progress.proofs}:
        return (_first(auth),)
    offers = [offer for feature in auth.features for offer in await feature.offers(auth, db, progress)]
    steps = [await feature.step(auth, db, progress) for feature in auth.features]
    if auth.settings.email_verification and not progress.user.email_verified:
        steps = [VERIFY_EMAIL, *steps]
    return remaining_steps(progress.proofs, offers, [step for step in steps if step is not None])


def _progress(user: User, row: Row[Any], proofs: tuple[Proof, ...], client: Client) -> Progress:
    """The progress of the login in this row, with these proofs."""
    return Progress(
        user, proofs, row.transport, client, row.session_id, device=row.device, is_known_device=row.is_known_device
    )


def _guessed(auth: Auth, progress: Progress, attempt: CountedAttempt) -> list[Statement]:
    """Notifies the owner when an unknown browser gives the correct proof after many failed ones (OWASP ASVS 6.3.5)."""
    if progress.is_known_device or attempt.tries <= MANY:
        return []
    user, client = progress.user, progress.client
    letter = credentials.notice(auth, "guessed", user.email, agent=client.agent)
    return [outbox.post(auth, user.id, letter, client)]


def _first(auth: Auth) -> Step:
    return Step("first_factor", {"methods": [{"method": way} for feature in auth.features for way in feature.ways]})


def _proofs(row: Row[Any]) -> tuple[Proof, ...]:
    return tuple(Proof.from_json(stored) for stored in row.proofs)
