"""The table of the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base

OF_ANOTHER = text("actor_id IS NOT NULL AND (user_id IS NULL OR actor_id != user_id)")
"""The condition of the index on `actor_id`: what a user did to others, needed when that user is deleted. Few rows."""


class Event(Base):
    """One event. Rows are only added; they outlive their user, so `user_id` is no foreign key.

    `id` sorts by time, so that an operator can partition the table by ranges of it.
    """

    __tablename__ = "auth_event"
    __table_args__ = (
        Index(None, "user_id", "id"),
        Index(None, "kind", "id"),
        Index(None, "actor_id", postgresql_where=OF_ANOTHER, sqlite_where=OF_ANOTHER),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    outcome: Mapped[str]
    user_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    address: Mapped[str | None]
    agent: Mapped[str | None]
    request_id: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
