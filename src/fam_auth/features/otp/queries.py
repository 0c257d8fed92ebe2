"""Statements about second factors; each that consumes something returns it once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.features.otp.models import EmailCode, OtpDevice, RecoveryCode, TrustedBrowser
from fam_auth.models import Session
from fam_auth.repository.data_access.queries import sessions

NEVER_USED = -1


@built_once
def held(user_id: UUID) -> Rows:
    """One row: the numbers of the user's confirmed `devices` and unused `recovery_codes`."""
    devices = select(func.count()).where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
    codes = select(func.count()).where(RecoveryCode.user_id == user_id)
    return select(devices.scalar_subquery().label("devices"), codes.scalar_subquery().label("recovery_codes"))


def devices(user_id: UUID) -> Rows:
    """The confirmed authenticators of a user with their encrypted secrets, oldest first."""
    return (
        select(OtpDevice.id, OtpDevice.name, OtpDevice.secret, OtpDevice.created_at, OtpDevice.last_used_at)
        .where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
        .order_by(OtpDevice.id)
    )


def sessions_with_old_claims(now: datetime, used_since: datetime) -> Rows:
    """The live sessions with outdated claims."""
    return sessions.every(now, used_since).where(Session.claims_until <= now)


def pending(device_id: UUID, user_id: UUID, since: datetime) -> Rows:
    """The unconfirmed authenticator, if it was added after `since`."""
    return select(OtpDevice.id, OtpDevice.name, OtpDevice.secret).where(
        OtpDevice.id == device_id,
        OtpDevice.user_id == user_id,
        OtpDevice.confirmed_at.is_(None),
        OtpDevice.created_at > since,
    )


def add(**columns: Any) -> UpdateBase:
    """Adds an unconfirmed authenticator."""
    return insert(OtpDevice).values(last_step=NEVER_USED, **columns)


def confirm(device_id: UUID, step: int, now: datetime) -> UpdateBase:
    """Confirms the authenticator and consumes its first code: returns it once."""
    return (
        update(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.confirmed_at.is_(None))
        .values(confirmed_at=now, last_step=step, last_used_at=now)
        .returning(OtpDevice.id)
    )


def burn(device_id: UUID, step: int, now: datetime) -> UpdateBase:
    """Consumes `step`: returns the authenticator once, and nothing for the same or an earlier step (RFC 6238, 5.2)."""
    return (
        update(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.confirmed_at.is_not(None), OtpDevice.last_step < step)
        .values(last_step=step, last_used_at=now)
        .returning(OtpDevice.id)
    )


def remove(device_id: UUID, user_id: UUID) -> UpdateBase:
    """Removes the user's authenticator; returns its name."""
    return (
        delete(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
        .returning(OtpDevice.name)
    )


def add_codes(user_id: UUID, digests: Sequence[str], now: datetime) -> UpdateBase:
    """Adds recovery codes."""
    return insert(RecoveryCode).values([{"user_id": user_id, "digest": one, "created_at": now} for one in digests])


def use_code(user_id: UUID, digests: Sequence[str]) -> UpdateBase:
    """Consumes a recovery code: returns it once."""
    return (
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.digest.in_(digests))
        .returning(RecoveryCode.digest)
    )


def remove_codes(user_id: UUID) -> UpdateBase:
    """Removes the recovery codes of a user."""
    return delete(RecoveryCode).where(RecoveryCode.user_id == user_id)


def put_email_code(login_id: UUID, user_id: UUID, code: str, expires_at: datetime) -> UpdateBase:
    """Sets the code of a login, instead of an earlier one."""
    first = postgresql.insert(EmailCode).values(login_id=login_id, user_id=user_id, code=code, expires_at=expires_at)
    changed = {"code": code, "expires_at": expires_at}
    return first.on_conflict_do_update(index_elements=[EmailCode.login_id], set_=changed)


def email_code(login_id: UUID, now: datetime) -> Rows:
    """The digest of the code that was mailed for a login."""
    return select(EmailCode.code).where(EmailCode.login_id == login_id, EmailCode.expires_at > now)


def use_email_code(login_id: UUID, code: str) -> UpdateBase:
    """Consumes the mailed code: returns it once."""
    return delete(EmailCode).where(EmailCode.login_id == login_id, EmailCode.code == code).returning(EmailCode.login_id)


def trust(**columns: Any) -> UpdateBase:
    """Trusts a browser; if it is trusted already, its time starts again."""
    first = postgresql.insert(TrustedBrowser).values(**columns)
    changed = {name: columns[name] for name in ("agent", "factors", "created_at", "expires_at")}
    return first.on_conflict_do_update(index_elements=[TrustedBrowser.device], set_=changed)


def trusted(user_id: UUID, devices: Sequence[str], factors: Sequence[str], now: datetime) -> Rows:
    """The trusted browser with one of these digests, if its user's authenticators have not changed since."""
    return select(TrustedBrowser.id).where(
        TrustedBrowser.user_id == user_id,
        TrustedBrowser.device.in_(devices),
        TrustedBrowser.factors.in_(factors),
        TrustedBrowser.expires_at > now,
    )


def browsers(user_id: UUID, now: datetime) -> Rows:
    """The trusted browsers of a user."""
    columns = (TrustedBrowser.id, TrustedBrowser.agent, TrustedBrowser.created_at, TrustedBrowser.expires_at)
    mine = (TrustedBrowser.user_id == user_id, TrustedBrowser.expires_at > now)
    return select(*columns).where(*mine).order_by(TrustedBrowser.id)


def distrust(user_id: UUID, browser_id: UUID | None = None) -> UpdateBase:
    """Stops trusting one browser, or (None) every browser of a user; returns their ids."""
    statement = delete(TrustedBrowser).where(TrustedBrowser.user_id == user_id)
    if browser_id is not None:
        statement = statement.where(TrustedBrowser.id == browser_id)
    return statement.returning(TrustedBrowser.id)


def forget_since(user_id: UUID, moment: datetime) -> tuple[UpdateBase, ...]:
    """Removes the user's authenticators and recovery codes that were added since that moment."""
    devices = delete(OtpDevice).where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at >= moment)
    codes = delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.created_at >= moment)
    return devices, codes


def forget(user_id: UUID) -> tuple[UpdateBase, ...]:
    """Removes every second factor of the user, and stops trusting their browsers."""
    return delete(OtpDevice).where(OtpDevice.user_id == user_id), remove_codes(user_id), distrust(user_id)
