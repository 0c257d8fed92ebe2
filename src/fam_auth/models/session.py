"""The table of sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base, partial_index
from fam_auth.models.user import User


class Session(Base):
    """A signed-in client. The row contains no secret: tokens contain its id, authenticated with a key.

    `generation` is the number that valid access tokens have, `refreshes` how often the refresh token has rotated.
    `refresh_free_at` is its rate limit (like Attempt.free_at). From `claims_until` on, the claims are outdated and are
    computed again.
    """

    __tablename__ = "auth_session"
    __table_args__ = (partial_index("auth_session", "ended_at", "ended_at IS NOT NULL"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    transport: Mapped[str]
    proofs: Mapped[list[Any]]
    claims: Mapped[dict[str, Any]]
    claims_until: Mapped[datetime | None]
    generation: Mapped[int]
    refreshes: Mapped[int]
    refreshed_at: Mapped[datetime]
    refresh_free_at: Mapped[float] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str | None]
    agent: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]
