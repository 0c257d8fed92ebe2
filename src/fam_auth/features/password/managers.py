"""Registering and signing in with a password."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import Address
from fam_auth.core.database import retried
from fam_auth.core.events import Event, EventKind
from fam_auth.exceptions import InvalidRequest
from fam_auth.feature import Kind, Outcome, Proof, Try
from fam_auth.features.password import policy, queries
from fam_auth.features.password.schemas import Registration
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.repository.data_access.managers import attempts, emails, events, logins, outbox, users
from fam_auth.repository.data_access.managers.attempts import Attempt
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import logins as tokens
from fam_auth.repository.data_access.queries import users as user_queries
from fam_auth.values import Client, User, Visit

METHOD = "password"


@retried
async def register(auth: Auth, email: str, password: str, name: str | None, client: Client) -> UUID | None:
    """The account exists afterwards, or did before: then its owner gets a notice. The work is the same either way.

    Returns the id of a new user, None for a known address. An account whose address nobody has verified is taken over:
    its older links die, so that the password that counts is the one of the mail that is answered.
    Raises InvalidRequest for a password that is not good enough, and TooManyAttempts.
    """
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    network = attempts.network_of(client)
    await attempts.limit(auth, attempts.Use("register", network, auth.settings.throttle.register_network))
    digest = await auth.hasher.hash(password)
    async with auth.transaction() as db:
        user_id = await users.claim(auth, db, address)
        if user_id is None:
            await _register_again(auth, db, address, digest, client)
            return None
        made = [user_queries.add(user_id, name, None, auth.now()), queries.put(user_id, digest, auth.now())]
        mails = emails.verification(auth, user_id, address, client) if auth.settings.email_verification else []
        registered = Event(EventKind.USER_REGISTERED, auth.now(), user_id, actor_id=user_id, client=client)
        await events.record(auth, db, registered, *made, *mails)
        return user_id


@retried
async def create(auth: Auth, email: str, password: str, name: str | None, *, verified: bool) -> User:
    """A user made by an administrator. Raises InvalidRequest for a known address or a poor password."""
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    digest = await auth.hasher.hash(password)
    async with auth.transaction() as db:
        user = await users.create(auth, email, name, verified=verified, db=db)
        await db.execute(queries.put(user.id, digest, auth.now()))
        return user


async def register_and_sign_in(auth: Auth, form: Registration, visit: Visit) -> Outcome:
    """The new user is signed in, where addresses need no verification. Raises InvalidRequest for a known address."""
    if await register(auth, form.email, form.password, form.name, visit.client) is None:
        raise InvalidRequest.of("email", "taken")
    return await login(auth, form.email, form.password, visit)


async def login(auth: Auth, email: str, password: str, visit: Visit) -> Outcome:
    """The password was right: what the pipeline makes of it. Unknown users cost the same work.

    Raises TooManyAttempts and InvalidCredentials.
    """
    tried = Try(METHOD, users.checked(email).canonical, visit)
    attempt = await logins.guard(auth, tried)
    user_id, digest = await judged_right(auth, tried, attempt, password)
    proof = Proof(METHOD, Kind.KNOWLEDGE, auth.now())
    witness = queries.still(user_id, digest)
    return await logins.begin(auth, user_id, proof, visit, witness=witness, attempt=attempt)


def judged(auth: Auth, password: str) -> list[dict[str, Any]]:
    """Why a password would be refused; empty when it is acceptable."""
    return list(policy.reasons(policy.normalized(password), *rules(auth)))


def rules(auth: Auth, *own: str | None) -> tuple[int, list[str]]:
    """The least length, and the words an attacker tries first who knows the application and the user."""
    feature = auth.of(PasswordSettings)
    return feature.minimum_length, feature.words(auth.settings.app_name, auth.settings.mail_host, *own)


async def _register_again(auth: Auth, db: AsyncSession, address: Address, digest: str, client: Client) -> None:
    now = auth.now()
    found = user_queries.by_address(address.canonical).with_for_update()
    row = (await db.execute(found)).one()
    again = Event(EventKind.USER_REGISTRATION_REPEATED, now, row.id, client=client)
    is_open = row.verified_at is None and not user_queries.value(row).is_suspended(now)
    if is_open and auth.settings.email_verification:
        await db.execute(tokens.retire(row.id, emails.VERIFY, now))
        mails = emails.verification(auth, row.id, address, client)
        await events.record(auth, db, again, queries.put(row.id, digest, now), *mails)
    else:
        letter = Letter("already_registered", row.address, {}, now + auth.settings.verify_lifetime)
        await events.record(auth, db, again, outbox.post(auth, row.id, letter, client))


async def judged_right(auth: Auth, tried: Try, attempt: Attempt, password: str) -> tuple[UUID, str]:
    """The user whose password this is, and the digest in force. Raises InvalidCredentials."""
    password = policy.normalized(password)
    row = await auth.database.row(queries.of_address(tried.account, auth.now()))
    digest: str | None = row.digest if row else None
    right = await auth.hasher.verify(digest, password)
    if row is None or digest is None or not right:
        raise await logins.fail(auth, row.id if row else None, tried, attempt)
    user_id: UUID = row.id
    return user_id, await _upgraded(auth, user_id, digest, password)


async def _upgraded(auth: Auth, user_id: UUID, digest: str, password: str) -> str:
    """The hash in force afterwards: made anew when the parameters have changed since."""
    if not auth.hasher.is_outdated(digest):
        return digest
    newer = await auth.hasher.hash(password)
    await auth.database.rows(queries.upgrade(user_id, digest, newer))
    return newer
