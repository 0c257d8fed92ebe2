"""The table of one-time tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import KEYED, Base, partial_index
from fam_auth.models.user import User


class OneTimeToken(Base):
    """What a mail carries: a link's token and, for some purposes, a short code, both only as keyed digests.

    `address` is the canonical address the mail went to; the token proves that mailbox and no other. `shown` is the same
    as it was written, where the token makes it the user's address. `registration_id` is the registration that a
    verification mail answers, `session_id` the session that asked for a change of address; neither has a foreign key,
    as the token does not go with them but is refused.
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
