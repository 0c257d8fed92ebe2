"""The table of one-time tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import KEYED, Base, partial_index
from fam_auth.models.user import User


class OneTimeToken(Base):
    """The token of a mailed link and, for some purposes, a short code, both only as keyed digests.

    `address` is the canonical address that the mail went to: the token verifies that address only. `shown` is the
    address as written, for tokens that make it the user's. `registration_id` is the registration that a verification
    mail is for, `session_id` the session that requested a change of address. Neither is a foreign key: when its row is
    deleted, the token stays, and is refused.
    """

    __tablename__ = "auth_one_time_token"
    __table_args__ = (
        Index(None, "user_id", "purpose"),
        Index(None, "address", "purpose"),
        partial_index("auth_one_time_token", "used_at", "used_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey(User.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
    )
    purpose: Mapped[str]
    address: Mapped[str]
    shown: Mapped[str | None]
    token: Mapped[str] = mapped_column(unique=True, info=KEYED)
    code: Mapped[str | None] = mapped_column(info=KEYED)
    code_tries: Mapped[int]
    code_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    registration_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
