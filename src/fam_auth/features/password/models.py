"""The table of password hashes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models import SECRET, Base, Registration, User


class PasswordHash(Base):
    """The password hash of a user: Argon2id in PHC string format, or an imported hash until the user's next login."""

    __tablename__ = "auth_password"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey(User.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    )
    digest: Mapped[str] = mapped_column(info=SECRET)
    changed_at: Mapped[datetime]


class RegisteredPassword(Base):
    """The password hash of a waiting registration: Argon2id in PHC string format. It works once that is verified."""

    __tablename__ = "auth_password_registration"

    registration_id: Mapped[UUID] = mapped_column(
        ForeignKey(Registration.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    )
    digest: Mapped[str] = mapped_column(info=SECRET)
