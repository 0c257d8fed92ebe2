"""The table of addresses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base, partial_index
from fam_auth.models.user import User


class Email(Base):
    """The address of a user: mail goes to `address`, as the user wrote it; `canonical` identifies the account.

    The foreign key is checked at the commit, so that the address can be claimed before the user exists: its unique key
    decides a race. Browsers that signed in before `devices_since` are not known any more; None: all are.
    """

    __tablename__ = "auth_email"
    __table_args__ = (partial_index("auth_email", "created_at", "verified_at IS NULL"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey(User.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        unique=True,
    )
    address: Mapped[str]
    canonical: Mapped[str] = mapped_column(unique=True)
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    devices_since: Mapped[datetime | None]
