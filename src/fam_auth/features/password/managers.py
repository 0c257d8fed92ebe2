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
    """Registers an account, or mails the owner of an existing one. The work is the same either way.

    `given` holds the application's own fields. Raises InvalidRequest if the password is refused, Busy and
    TooManyAttempts. If addresses need no verification, also raises what the application's listeners raise; otherwise
    that would reveal which addresses have an account.
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
    """The account's waiting registration with this password: the newest if there are several; None without one."""
    for row in await auth.database.rows(queries.waiting(user_id)):
        if await imported_hashes.verify(auth.hasher, row.digest, password):
            found: UUID = row.registration_id
            return found
    return None


@retried
async def create(auth: Auth, email: str, password: str, name: str | None, *, verified: bool) -> User:
    """Creates a user with a password, as an administrator. Raises InvalidRequest for either, and Busy."""
    address, password = users.checked(email), policy.normalized(password)
    policy.check("password", password, *rules(auth, address.canonical.partition("@")[0], name))
    digest = await auth.hasher.hash(password)
    await refuse_breached(auth, "password", password)
    async with auth.transaction() as db:
        user = await users.create(auth, email, name, verified=verified, db=db)
        await db.execute(queries.put(user.id, digest, auth.now()))
        return user


async def register_and_sign_in(auth: Auth, form: Registration, visit: Visit) -> Outcome:
    """Registers and signs in, if addresses need no verification. Raises InvalidRequest for a known address."""
    given = own_fields(auth.registration, form)
    registered = await register(auth, form.email, form.password, form.name, visit.client, given=given)
    if registered.user_id is None:
        raise InvalidRequest.of("email", "taken")
    return await login(auth, form.email, form.password, visit)


async def login(auth: Auth, email: str, password: str, visit: Visit) -> Outcome:
    """Signs in by password: returns a session, or a login with remaining steps.

    An unknown address costs the same work. Raises Busy, TooManyAttempts and InvalidCredentials.
    """
    tried = Attempt(METHOD, users.checked(email).canonical, visit)
    with auth.hasher.entrance:
        attempt = await logins.guard(auth, tried)
        user_id, digest = await judged_right(auth, tried, attempt, password)
    proof = Proof(METHOD, Kind.KNOWLEDGE, auth.now())
    return await logins.begin(auth, proof, visit, locking=queries.locked(user_id, digest), attempt=attempt)


async def refuse_breached(auth: Auth, field: str, password: str) -> None:
    """Checks a normalized password against the breach API, if one is configured. Raises InvalidRequest.

    Call it last, without an open transaction or a place in the hashing queue: it may take as long as its timeout. If
    the API does not answer, the password is accepted by the offline list alone, and an event records the outage.
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
    """Why a password would be refused; empty if it is acceptable.

    Does not call the breach API: a form checks while the user types, and the hashes of all beginnings would reveal the
    password.
    """
    return list(policy.reasons(policy.normalized(password), *rules(auth)))


def rules(auth: Auth, *own: str | None) -> tuple[int, list[str]]:
    """The minimum length, and the context words that an attacker would try first for this application and user."""
    feature = auth.of(PasswordSettings)
    return feature.minimum_length, feature.words(auth.settings.app_name, auth.settings.mail_host, *own)


async def judged_right(auth: Auth, tried: Attempt, attempt: CountedAttempt, password: str) -> tuple[UUID, str]:
    """Checks the password; returns the user's id and current hash. Raises InvalidCredentials."""
    row = await auth.database.row(queries.of_address(tried.account, auth.now()))
    digest: str | None = row.digest if row else None
    right = await imported_hashes.verify(auth.hasher, digest, password)
    if row is None or digest is None or not right:
        raise await logins.fail(auth, row.id if row else None, tried, attempt)
    user_id: UUID = row.id
    return user_id, await _upgraded(auth, user_id, digest, policy.normalized(password))


async def _upgraded(auth: Auth, user_id: UUID, digest: str, password: str) -> str:
    """The current hash; a new one if this one has outdated parameters or was imported."""
    if not imported_hashes.is_outdated(auth.hasher, digest):
        return digest
    newer = await auth.hasher.hash(password)
    await auth.database.rows(queries.upgrade(user_id, digest, newer))
    return newer
