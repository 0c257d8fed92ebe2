"""The table of addresses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base, partial_index
from fam_auth.models.user import User


class Email(Base):
    """The address of a user: mail goes to `address`, as they wrote it; `canonical` decides whose it is.

    The reference to the user is checked at commit, so that the address can be claimed first: its unique key decides
    a race. Devices that signed in before `devices_since` are known no more; None: none of them has been forgotten.
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
