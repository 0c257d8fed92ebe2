"""The tables of second factors."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models import DIES, KEYED, SEALED, Base, User


class OtpDevice(Base):
    """An authenticator of a user, usable once it is confirmed.

    `last_step` is the newest time step that was used, so that no code works twice. `secret` is encrypted and bound to
    the row.
    """

    __tablename__ = "auth_otp_device"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    name: Mapped[str]
    secret: Mapped[str] = mapped_column(info=SEALED)
    last_step: Mapped[int] = mapped_column(BigInteger())
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """An unused recovery code, as a keyed digest; using it deletes the row."""

    __tablename__ = "auth_otp_recovery_code"

    digest: Mapped[str] = mapped_column(primary_key=True, info=KEYED)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]


class EmailCode(Base):
    """The code that was mailed for a login in progress, as a keyed digest."""

    __tablename__ = "auth_otp_email_code"

    login_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    code: Mapped[str] = mapped_column(info=KEYED)
    expires_at: Mapped[datetime] = mapped_column(index=True, info=DIES)


class TrustedBrowser(Base):
    """A trusted browser: it needs no second factor until `expires_at`, if the user's authenticators do not change.

    `device` is a keyed digest of the browser's id, `factors` of the ids of the user's authenticators.
    """

    __tablename__ = "auth_otp_trusted_browser"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    device: Mapped[str] = mapped_column(unique=True, info=KEYED)
    factors: Mapped[str] = mapped_column(info=KEYED)
    agent: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True, info=DIES)
