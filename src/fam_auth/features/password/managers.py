"""Registering and signing in with a password."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address
from fam_auth.core.database import retried
from fam_auth.core.events import Event, EventKind
from fam_auth.core.statements import Statement
from fam_auth.exceptions import InvalidRequest, TooManyAttempts, Unavailable
from fam_auth.feature import Kind, Outcome, Proof, Try
from fam_auth.features.password import hashes, policy, queries
from fam_auth.features.password.breached import Unanswered
from fam_auth.features.password.schemas import Registration, own_fields
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.hooks import pace
from fam_auth.repository.data_access.managers import attempts, emails, events, logins, outbox, users
from fam_auth.repository.data_access.managers.attempts import Attempt
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import logins as tokens
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Client, User, Visit

METHOD = "password"
log = logging.getLogger("fam_auth")


@retried
async def register(  # noqa: PLR0913 - what a form holds
    auth: Auth, email: str, password: str, name: str | None, client: Client, *, given: BaseModel | None = None
) -> UUID | None:
    """The account exists afterwards, or did before: then its owner gets a notice. The work is the same either way.

    Returns the id of a new user, None for a known address. An account whose address nobody has verified is taken over:
    its older links die, so that the password that counts is the one of the mail that is answered. Beyond the mails that
    an address may get in a day the answer is the same, and none counts.
    `given` is what the application asked for beside. Raises InvalidRequest for a password that is not good enough, Busy
    and TooManyAttempts. What the application's own listeners raise is raised where addresses need no verification;
    elsewhere it would tell whose address is known.
    """
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    with auth.hasher.entrance:
        may_mail = await _counted(auth, address, client)
        registrant = _Registrant(address, await auth.hasher.hash(password), name, client, given, may_mail)
    await refuse_breached(auth, "password", password)
    try:
        user_id = await _register(auth, registrant)
    except Unavailable:
        raise
    except Exception:
        if not auth.settings.email_verification:
            raise
        log.exception("The application refused a registration, which the answer must not tell.")
        return None
    if user_id is None:
        await pace(auth)
    return user_id


@dataclass(frozen=True, slots=True)
class _Registrant:
    """Somebody who asks for an account; the password is hashed already.

    `may_mail` is whether somebody else who has the address, or claims it, may hear of this.
    """

    address: Address
    digest: str
    name: str | None
    client: Client
    given: BaseModel | None
    may_mail: bool


async def _counted(auth: Auth, address: Address, client: Client) -> bool:
    """One registration is counted; whether its address may get a mail. Raises TooManyAttempts for the network."""
    throttle = auth.settings.throttle
    by_network = attempts.Use("register", attempts.network_of(client), throttle.register_network)
    # The mails of registrations and those that are asked for again are of one kind.
    by_address = attempts.Use(f"mail {EventKind.EMAIL_VERIFICATION_SENT} day", address.canonical, throttle.mail_day)
    try:
        await attempts.limit(auth, by_network, by_address)
    except TooManyAttempts:
        await attempts.limit(auth, by_network)
        return False
    return True


async def _register(auth: Auth, who: _Registrant) -> UUID | None:
    async with auth.transaction() as db:
        user_id, client = auth.new_id(), who.client
        holder = await users.claim(auth, db, user_id, who.address)
        if holder is not None:
            await _register_again(auth, db, who, holder)
            return None
        made = [user_queries.add(user_id, who.name, None, auth.now()), queries.put(user_id, who.digest, auth.now())]
        mails = emails.verification(auth, user_id, who.address, client) if auth.settings.email_verification else []
        kind = EventKind.USER_REGISTERED
        registered = Event(kind, auth.now(), user_id, actor_id=user_id, client=client, given=who.given)
        await events.record(auth, db, registered, *made, *mails)
        return user_id


@retried
async def create(auth: Auth, email: str, password: str, name: str | None, *, verified: bool) -> User:
    """A user made by an administrator. Raises InvalidRequest for a known address or a poor password."""
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    digest = await auth.hasher.hash(password)
    await refuse_breached(auth, "password", password)
    async with auth.transaction() as db:
        user = await users.create(auth, email, name, verified=verified, db=db)
        await db.execute(queries.put(user.id, digest, auth.now()))
        return user


async def register_and_sign_in(auth: Auth, form: Registration, visit: Visit) -> Outcome:
    """The new user is signed in, where addresses need no verification. Raises InvalidRequest for a known address."""
    given = own_fields(auth.registration, form)
    if await register(auth, form.email, form.password, form.name, visit.client, given=given) is None:
        raise InvalidRequest.of("email", "taken")
    return await login(auth, form.email, form.password, visit)


async def login(auth: Auth, email: str, password: str, visit: Visit) -> Outcome:
    """The password was right: what the pipeline makes of it. Unknown users cost the same work.

    Raises Busy, TooManyAttempts and InvalidCredentials.
    """
    tried = Try(METHOD, users.checked(email).canonical, visit)
    with auth.hasher.entrance:
        attempt = await logins.guard(auth, tried)
        user_id, digest = await judged_right(auth, tried, attempt, password)
    proof = Proof(METHOD, Kind.KNOWLEDGE, auth.now())
    witness = queries.still(user_id, digest)
    return await logins.begin(auth, user_id, proof, visit, witness=witness, attempt=attempt)


async def refuse_breached(auth: Auth, field: str, password: str) -> None:
    """The password, normalized, is not known to be breached, as far as somebody is asked. Raises InvalidRequest.

    Call it last, with no transaction open and no place among those who are hashed: it may take as long as its timeout.
    When it is not answered, an event says so, and what the offline list said stands.
    """
    breached = auth.of(PasswordSettings).breached
    if breached is None:
        return
    try:
        is_known = await breached.has(password)
    except Unanswered as outage:
        if breached.tells_of_outage(auth.now()):
            failed = Event(EventKind.BREACH_CHECK_FAILED, auth.now(), outcome="failure", detail={"reason": str(outage)})
            await events.record_alone(auth, failed)
        return
    if is_known:
        raise InvalidRequest([{"field": field, **policy.blocklisted()}])


def judged(auth: Auth, password: str) -> list[dict[str, Any]]:
    """Why a password would be refused; empty when it is acceptable.

    Nobody else is asked: this is called while somebody types, and the hashes of all beginnings would tell the whole.
    """
    return list(policy.reasons(policy.normalized(password), *rules(auth)))


def rules(auth: Auth, *own: str | None) -> tuple[int, list[str]]:
    """The least length, and the words an attacker tries first who knows the application and the user."""
    feature = auth.of(PasswordSettings)
    return feature.minimum_length, feature.words(auth.settings.app_name, auth.settings.mail_host, *own)


async def _register_again(auth: Auth, db: AsyncSession, who: _Registrant, holder: Row[Any]) -> None:
    again = Event(EventKind.USER_REGISTRATION_REPEATED, auth.now(), holder.user_id, client=who.client)
    is_open = holder.verified_at is None and not holder.is_suspended
    if is_open and auth.settings.email_verification:
        deeds = _taken_over(auth, holder.user_id, who)
    else:
        letter = Letter("already_registered", holder.address, {}, auth.until(auth.settings.verify_lifetime))
        deeds = [outbox.post(auth, holder.user_id, letter, who.client)] if who.may_mail else []
    await events.record(auth, db, again, *deeds)


def _taken_over(auth: Auth, user_id: UUID, who: _Registrant) -> list[Statement]:
    """The account is that of the last who registered it, as the mail tells; without a mail nobody's password counts."""
    retired = tokens.retire(user_id, emails.VERIFY, auth.now())
    if not who.may_mail:
        return [retired, queries.remove(user_id)]
    mails = emails.verification(auth, user_id, who.address, who.client)
    return [retired, queries.put(user_id, who.digest, auth.now()), *mails]


async def judged_right(auth: Auth, tried: Try, attempt: Attempt, password: str) -> tuple[UUID, str]:
    """The user whose password this is, and the digest in force. Raises InvalidCredentials."""
    row = await auth.database.row(queries.of_address(tried.account, auth.now()))
    digest: str | None = row.digest if row else None
    right = await hashes.verify(auth.hasher, digest, password)
    if row is None or digest is None or not right:
        raise await logins.fail(auth, row.id if row else None, tried, attempt)
    user_id: UUID = row.id
    return user_id, await _upgraded(auth, user_id, digest, policy.normalized(password))


async def _upgraded(auth: Auth, user_id: UUID, digest: str, password: str) -> str:
    """The hash in force afterwards: made anew when the parameters have changed since, or others made it."""
    if not hashes.is_outdated(auth.hasher, digest):
        return digest
    newer = await auth.hasher.hash(password)
    await auth.database.rows(queries.upgrade(user_id, digest, newer))
    return newer
