"""Checking a second factor within a login: count the try, check the code, consume the code, in this order."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import parse
from fam_auth.core.rates import ExponentialBackoff
from fam_auth.core.security import new_code
from fam_auth.core.statements import Statement
from fam_auth.exceptions import Forbidden, InvalidCode, InvalidLoginToken, Message
from fam_auth.features.otp import managers, queries, totp
from fam_auth.features.otp.events import BrowserTrusted, EmailCodeSent, RecoveryCodeUsed, SecondFactorFailed
from fam_auth.features.otp.settings import OtpSettings
from fam_auth.pipeline import Outcome
from fam_auth.repository.data_access.managers import attempts, credentials, events, logins, outbox, users
from fam_auth.repository.data_access.managers.attempts import Counted, Limit
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries.logins import abandon_all
from fam_auth.repository.data_access.queries.users import change, locked
from fam_auth.values import Client, Kind, Proof, User

# Delays nobody: it only counts wrong second factors in a row.
IN_A_ROW = ExponentialBackoff(free=1_000_000, longest=1, cap=10_000_000)
TELLS_AT, RESETS_AT = 10, 50
RESET, RECOVERY = "reset_password", "recovery_code"


@dataclass(frozen=True, slots=True)
class Given:
    """A code that a client sent for a login, with the client's options."""

    login_token: str
    code: str
    client: Client
    remember_browser: bool = False


@dataclass(frozen=True, slots=True)
class Challenge:
    """A login that waits for a second factor, with this try counted."""

    login_id: UUID
    device: str
    user: User
    counted: Counted


async def by_totp(auth: Auth, given: Given) -> Outcome:
    """Continues the login by a code of one of the user's authenticators. Raises InvalidCode and TooManyAttempts."""
    challenge = await _challenge(auth, given)
    drift = auth.of(OtpSettings).drift
    for row in await managers.devices(auth, challenge.user.id):
        secret = auth.keys.decrypt(managers.place_of(row.id), row.secret).decode()
        step = totp.matching_step(secret, given.code, auth.now(), drift)
        if step is not None:
            used = queries.burn(row.id, step, auth.now())
            return await _proved(auth, challenge, given, _proof(auth, "totp", Kind.POSSESSION), used)
    raise await _failed(auth, challenge, given, "totp")


async def by_recovery_code(auth: Auth, given: Given) -> Outcome:
    """Continues the login by a recovery code, consumes the code, and notifies the owner.

    Raises InvalidCode and TooManyAttempts.
    """
    challenge = await _challenge(auth, given)
    user = challenge.user
    left = (await managers.standing(auth, user.id)).recovery_codes - 1
    letter = credentials.notice(auth, RecoveryCodeUsed, user.email, left=left, few=left <= managers.FEW)
    posted = outbox.post(auth, user.id, letter, given.client)
    used = queries.use_code(user.id, managers.code_digests(auth, user.id, given.code))
    proof = _proof(auth, RECOVERY, Kind.POSSESSION)
    return await _proved(auth, challenge, given, proof, used, posted)


async def by_email_code(auth: Auth, given: Given) -> Outcome:
    """Continues the login by the code that was mailed for it. Raises InvalidCode and TooManyAttempts.

    The code is a knowledge factor, like the password that a mail can reset: with access to the mailbox an attacker has
    both, so together they do not reach aal2.
    """
    challenge = await _challenge(auth, given)
    row = await auth.database.row(queries.email_code(challenge.login_id, auth.now()))
    if row is None or not auth.keys.is_digest_of(_purpose(challenge.login_id), given.code, row.code):
        raise await _failed(auth, challenge, given, "email_code")
    used = queries.use_email_code(challenge.login_id, row.code)
    return await _proved(auth, challenge, given, _proof(auth, "email_code", Kind.KNOWLEDGE), used)


async def send_email_code(auth: Auth, login_token: str, client: Client) -> None:
    """Mails a new code for the login; an earlier code stops working. Raises InvalidLoginToken and Forbidden.

    Does nothing when the address has reached its limit of mails.
    """
    login_id, _, user = await _waiting(auth, login_token)
    if not await attempts.may_mail(auth, "login_code", parse(user.email).canonical):
        return
    code, expires_at = new_code(), auth.until(auth.of(OtpSettings).code_lifetime)
    kept = queries.put_email_code(login_id, user.id, auth.keys.digest(_purpose(login_id), code), expires_at)
    minutes = auth.of(OtpSettings).code_lifetime // timedelta(minutes=1)
    letter = Letter("login_code", user.email, {"code": code, "code_minutes": minutes}, expires_at)
    sent = EmailCodeSent(at=auth.now(), user_id=user.id, client=client)
    async with auth.transaction() as db:
        await events.record(auth, db, sent, kept, outbox.post(auth, user.id, letter, client))


async def enrolled(auth: Auth, login_token: str, client: Client) -> Outcome:
    """Continues the login that required an authenticator, by the code that has just confirmed it."""
    return await logins.prove(auth, login_token, _proof(auth, "totp", Kind.POSSESSION), client)


async def _waiting(auth: Auth, login_token: str) -> tuple[UUID, str, User]:
    """Id and device of the login that waits for a second factor, and its user.

    Raises InvalidLoginToken, and Forbidden before the first factor: without it, nobody may guess codes.
    """
    row = await logins.under_way(auth, login_token)
    if row is None:
        raise InvalidLoginToken
    if not row.proofs:
        raise Forbidden(Message("otp.first_factor_first"))
    return row.id, row.device, await users.get(auth, row.user_id)


async def _challenge(auth: Auth, given: Given) -> Challenge:
    """Counts one try, before any code is checked. Raises TooManyAttempts."""
    login_id, device, user = await _waiting(auth, given.login_token)
    settings, account = auth.of(OtpSettings), str(user.id)
    within = ExponentialBackoff(settings.tries, settings.code_lifetime // timedelta(seconds=1), settings.tries)
    counted = await attempts.limit(
        auth,
        Limit("second factor in a row", account, IN_A_ROW),
        Limit("second factor challenge", str(login_id), within),
        Limit("second factor quarter", account, settings.quarter),
        Limit("second factor day", account, settings.day),
    )
    return Challenge(login_id, device, user, counted)


async def _proved(
    auth: Auth, challenge: Challenge, given: Given, proof: Proof, used: Statement, *statements: Statement
) -> Outcome:
    trusted = await _trusted(auth, challenge, given)
    after = [*statements, *trusted, *challenge.counted.forgiven()]
    kinds: list[type[RecoveryCodeUsed | BrowserTrusted]] = [RecoveryCodeUsed] if proof.method == RECOVERY else []
    kinds += [BrowserTrusted] if trusted else []
    told = [kind(at=auth.now(), user_id=challenge.user.id, client=given.client) for kind in kinds]
    try:
        return await logins.prove(auth, given.login_token, proof, given.client, *after, consuming=used, told=told)
    except InvalidCode:
        raise await _failed(auth, challenge, given, proof.method) from None


async def _failed(auth: Auth, challenge: Challenge, given: Given, method: str) -> InvalidCode:
    """Records a wrong second factor; returns the refusal to raise.

    The client has already given the correct password. So the tenth failure in a row notifies the owner, and the
    fiftieth disables the password until it is reset by mail.
    """
    user, in_a_row = challenge.user, challenge.counted.tries[0]
    failed = SecondFactorFailed(
        at=auth.now(), user_id=user.id, outcome="failure", client=given.client, detail={"method": method}
    )
    statements: list[Statement] = []
    if in_a_row in {TELLS_AT, RESETS_AT}:
        letter = credentials.notice(auth, SecondFactorFailed, user.email, is_closed=in_a_row == RESETS_AT)
        statements.append(outbox.post(auth, user.id, letter, given.client))
    async with auth.transaction() as db:
        if in_a_row == RESETS_AT:
            statements.extend(await _closing(db, user.id))
        await events.record(auth, db, failed, *statements)
    return InvalidCode()


async def _closing(db: AsyncSession, user_id: UUID) -> list[Statement]:
    """The statements that disable the password. Locks the user first: no login starts or continues meanwhile."""
    row = (await db.execute(locked(user_id))).first()
    demands = [] if row is None else [demand for demand in row.demands if demand != RESET]
    return [change(user_id, {"demands": [*demands, RESET]}), abandon_all(user_id)]


async def _trusted(auth: Auth, challenge: Challenge, given: Given) -> list[Statement]:
    if not (given.remember_browser and auth.of(OtpSettings).remember_browser):
        return []
    return [await managers.trusting(auth, challenge.user.id, challenge.device, given.client)]


def _proof(auth: Auth, method: str, kind: Kind) -> Proof:
    return Proof(method, kind, auth.now())


def _purpose(login_id: UUID) -> str:
    return f"otp email code {login_id}"
