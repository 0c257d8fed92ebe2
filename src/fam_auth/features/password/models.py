"""The table of password hashes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models import SECRET, Base, Registration, User


class PasswordHash(Base):
    """The password of a user, as Argon2id in PHC string format; until their next login as `hashes.stored` describes."""

    __tablename__ = "auth_password"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey(User.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    )
    digest: Mapped[str] = mapped_column(info=SECRET)
    changed_at: Mapped[datetime]


class RegisteredPassword(Base):
    """The password of a registration that waits, as Argon2id in PHC string format. It comes into force with it."""

    __tablename__ = "auth_password_registration"

    registration_id: Mapped[UUID] = mapped_column(
        ForeignKey(Registration.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    )
    digest: Mapped[str] = mapped_column(info=SECRET)
