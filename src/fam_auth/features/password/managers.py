"""Registering and signing in with a password."""

import logging
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from fam_auth.auth import Auth
from fam_auth.core.database import retried
from fam_auth.core.statements import Statement
from fam_auth.exceptions import InvalidRequest, Unavailable
from fam_auth.features.password import imported_hashes, policy, queries
from fam_auth.features.password.breached import Unanswered
from fam_auth.features.password.events import BreachCheckFailed
from fam_auth.features.password.schemas import Registration, own_fields
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.hooks import pace
from fam_auth.pipeline import Attempt, Outcome
from fam_auth.repository.data_access.managers import events, logins, registrations, users
from fam_auth.repository.data_access.managers.attempts import CountedAttempt
from fam_auth.repository.data_access.managers.registrations import Credential, Registered, Registrant
from fam_auth.values import Client, Kind, Proof, User, Visit

METHOD = "password"
log = logging.getLogger("fam_auth")


async def register(  # noqa: PLR0913 - what a form holds
    auth: Auth, email: str, password: str, name: str | None, client: Client, *, given: BaseModel | None = None
) -> Registered:
    """The account exists afterwards, or did before: then its owner gets a mail. The work is the same either way.

    `given` is what the application asked for beside. Raises InvalidRequest for a password that is not good enough, Busy
    and TooManyAttempts. What the application's own listeners raise is raised where addresses need no verification;
    elsewhere it would tell whose address is known.
    """
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    with auth.hasher.entrance:
        may_mail = await registrations.counted(auth, address, client)
        digest = await auth.hasher.hash(password)
    await refuse_breached(auth, "password", password)
    try:
        registered = await registrations.register(
            auth, Registrant(address, name, client, given, may_mail), _credential(auth, digest)
        )
    except Unavailable:
        raise
    except Exception:
        if not auth.settings.email_verification:
            raise
        log.exception("The application refused a registration. The response hides it, to protect known addresses.")
        return registrations.nobody()
    if registered.user_id is None:
        await pace(auth)
    return registered


def _credential(auth: Auth, digest: str) -> Credential:
    def in_force(user_id: UUID) -> list[Statement]:
        return [queries.put(user_id, digest, auth.now())]

    def waiting(registration_id: UUID) -> list[Statement]:
        return [queries.keep(registration_id, digest)]

    return Credential(in_force, waiting)


async def registration_of(auth: Auth, user_id: UUID, password: str) -> UUID | None:
    """The registration of this account that was made with this password; the newest, if there are several."""
    for row in await auth.database.rows(queries.waiting(user_id)):
        if await imported_hashes.verify(auth.hasher, row.digest, password):
            found: UUID = row.registration_id
            return found
    return None


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
    registered = await register(auth, form.email, form.password, form.name, visit.client, given=given)
    if registered.user_id is None:
        raise InvalidRequest.of("email", "taken")
    return await login(auth, form.email, form.password, visit)


async def login(auth: Auth, email: str, password: str, visit: Visit) -> Outcome:
    """The password was right: what the pipeline makes of it. Unknown users cost the same work.

    Raises Busy, TooManyAttempts and InvalidCredentials.
    """
    tried = Attempt(METHOD, users.checked(email).canonical, visit)
    with auth.hasher.entrance:
        attempt = await logins.guard(auth, tried)
        user_id, digest = await judged_right(auth, tried, attempt, password)
    proof = Proof(METHOD, Kind.KNOWLEDGE, auth.now())
    return await logins.begin(auth, proof, visit, locking=queries.locked(user_id, digest), attempt=attempt)


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
            failed = BreachCheckFailed(at=auth.now(), outcome="failure", detail={"reason": str(outage)})
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


async def judged_right(auth: Auth, tried: Attempt, attempt: CountedAttempt, password: str) -> tuple[UUID, str]:
    """The user whose password this is, and the digest in force. Raises InvalidCredentials."""
    row = await auth.database.row(queries.of_address(tried.account, auth.now()))
    digest: str | None = row.digest if row else None
    right = await imported_hashes.verify(auth.hasher, digest, password)
    if row is None or digest is None or not right:
        raise await logins.fail(auth, row.id if row else None, tried, attempt)
    user_id: UUID = row.id
    return user_id, await _upgraded(auth, user_id, digest, policy.normalized(password))


async def _upgraded(auth: Auth, user_id: UUID, digest: str, password: str) -> str:
    """The hash in force afterwards: made anew when the parameters have changed since, or others made it."""
    if not imported_hashes.is_outdated(auth.hasher, digest):
        return digest
    newer = await auth.hasher.hash(password)
    await auth.database.rows(queries.upgrade(user_id, digest, newer))
    return newer
