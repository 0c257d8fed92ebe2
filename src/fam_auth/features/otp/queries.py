"""Statements about second factors; each that uses something up returns what it used, once."""

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
    """One row: how many confirmed devices and recovery codes the user has."""
    devices = select(func.count()).where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
    codes = select(func.count()).where(RecoveryCode.user_id == user_id)
    return select(devices.scalar_subquery().label("devices"), codes.scalar_subquery().label("recovery_codes"))


def devices(user_id: UUID) -> Rows:
    """The confirmed devices of a user with their secrets, oldest first."""
    return (
        select(OtpDevice.id, OtpDevice.name, OtpDevice.secret, OtpDevice.created_at, OtpDevice.last_used_at)
        .where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
        .order_by(OtpDevice.id)
    )


def sessions_with_old_claims(now: datetime, used_since: datetime) -> Rows:
    """The live sessions whose claims are to be asked for anew before they are believed."""
    return sessions.every(now, used_since).where(Session.claims_until <= now)


def pending(device_id: UUID, user_id: UUID, since: datetime) -> Rows:
    """The device that waits for its first code, unless it has waited for too long."""
    return select(OtpDevice.id, OtpDevice.name, OtpDevice.secret).where(
        OtpDevice.id == device_id,
        OtpDevice.user_id == user_id,
        OtpDevice.confirmed_at.is_(None),
        OtpDevice.created_at > since,
    )


def add(**columns: Any) -> UpdateBase:
    """A device that waits for its first code."""
    return insert(OtpDevice).values(last_step=NEVER_USED, **columns)


def confirm(device_id: UUID, step: int, now: datetime) -> UpdateBase:
    """The device counts from now on, and its first code is used up: returns it once."""
    return (
        update(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.confirmed_at.is_(None))
        .values(confirmed_at=now, last_step=step, last_used_at=now)
        .returning(OtpDevice.id)
    )


def burn(device_id: UUID, step: int, now: datetime) -> UpdateBase:
    """Use `step` up: returns the device once, and nothing for the same or an earlier step (RFC 6238, 5.2)."""
    return (
        update(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.confirmed_at.is_not(None), OtpDevice.last_step < step)
        .values(last_step=step, last_used_at=now)
        .returning(OtpDevice.id)
    )


def remove(device_id: UUID, user_id: UUID) -> UpdateBase:
    """The user has this device no more; returns its name."""
    return (
        delete(OtpDevice)
        .where(OtpDevice.id == device_id, OtpDevice.user_id == user_id, OtpDevice.confirmed_at.is_not(None))
        .returning(OtpDevice.name)
    )


def add_codes(user_id: UUID, digests: Sequence[str], now: datetime) -> UpdateBase:
    """A set of recovery codes."""
    return insert(RecoveryCode).values([{"user_id": user_id, "digest": one, "created_at": now} for one in digests])


def use_code(user_id: UUID, digests: Sequence[str]) -> UpdateBase:
    """Uses a recovery code up: returns it once."""
    return (
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.digest.in_(digests))
        .returning(RecoveryCode.digest)
    )


def remove_codes(user_id: UUID) -> UpdateBase:
    """The recovery codes of a user are worth nothing any more."""
    return delete(RecoveryCode).where(RecoveryCode.user_id == user_id)


def put_email_code(login_id: UUID, user_id: UUID, code: str, expires_at: datetime) -> UpdateBase:
    """The code of a login; a new one kills the old."""
    first = postgresql.insert(EmailCode).values(login_id=login_id, user_id=user_id, code=code, expires_at=expires_at)
    changed = {"code": code, "expires_at": expires_at}
    return first.on_conflict_do_update(index_elements=[EmailCode.login_id], set_=changed)


def email_code(login_id: UUID, now: datetime) -> Rows:
    """The digest of the code that was mailed for a login."""
    return select(EmailCode.code).where(EmailCode.login_id == login_id, EmailCode.expires_at > now)


def use_email_code(login_id: UUID, code: str) -> UpdateBase:
    """Uses the mailed code up: returns it once."""
    return delete(EmailCode).where(EmailCode.login_id == login_id, EmailCode.code == code).returning(EmailCode.login_id)


def trust(**columns: Any) -> UpdateBase:
    """A browser that is spared the second factor; the same one anew lasts from now."""
    first = postgresql.insert(TrustedBrowser).values(**columns)
    changed = {name: columns[name] for name in ("agent", "factors", "created_at", "expires_at")}
    return first.on_conflict_do_update(index_elements=[TrustedBrowser.device], set_=changed)


def trusted(user_id: UUID, devices: Sequence[str], factors: Sequence[str], now: datetime) -> Rows:
    """The trusted browser of one of these digests, unless the factors of its user have changed since."""
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
    """One browser, or (None) every browser of a user is asked again; returns the ids."""
    statement = delete(TrustedBrowser).where(TrustedBrowser.user_id == user_id)
    if browser_id is not None:
        statement = statement.where(TrustedBrowser.id == browser_id)
    return statement.returning(TrustedBrowser.id)


def forget_since(user_id: UUID, moment: datetime) -> tuple[UpdateBase, ...]:
    """The user has no factor that was confirmed since, and no recovery code that was made since."""
    devices = delete(OtpDevice).where(OtpDevice.user_id == user_id, OtpDevice.confirmed_at >= moment)
    codes = delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.created_at >= moment)
    return devices, codes


def forget(user_id: UUID) -> tuple[UpdateBase, ...]:
    """The user has no second factor any more."""
    return delete(OtpDevice).where(OtpDevice.user_id == user_id), remove_codes(user_id), distrust(user_id)
