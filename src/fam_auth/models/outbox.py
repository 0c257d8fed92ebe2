"""The table of the outbox: mails, requests and event jobs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import SEALED, SECRET, Base, partial_index
from fam_auth.models.user import User

WAITING = text("done_at IS NULL")


class Outbox(Base):
    """A mail, a request or an event job that waits, is done or has failed.

    `content` (recipient and template context, or an event) is encrypted, and deleted when the row is done; failed mails
    and event jobs keep it. `source` is a keyed digest of the network that a request came from, so that one network's
    requests do not delay another's; empty for mails and event jobs.
    """

    __tablename__ = "auth_outbox"
    __table_args__ = (
        Index("ix_auth_outbox_waiting", "due_at", postgresql_where=text("done_at IS NULL")),
        Index(None, "user_id"),
        partial_index("auth_outbox", "done_at", "done_at IS NOT NULL"),
        Index(None, "source", "due_at", postgresql_where=WAITING, sqlite_where=WAITING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(User.id, ondelete="SET NULL", deferrable=True, initially="DEFERRED"),
    )
    kind: Mapped[str]
    content: Mapped[str | None] = mapped_column(info=SEALED)
    tries: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default=text("''"), info=SECRET)
