"""Adds indexes for the purge, and for the events of one kind."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005_purge_keys"
down_revision: str | None = "0004_changes"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KEYS: dict[str, tuple[str, list[str], str | None]] = {
    "ix_auth_email_created_at": ("auth_email", ["created_at"], "verified_at IS NULL"),
    "ix_auth_event_kind_id": ("auth_event", ["kind", "id"], None),
    "ix_auth_one_time_token_used_at": ("auth_one_time_token", ["used_at"], "used_at IS NOT NULL"),
    "ix_auth_outbox_done_at": ("auth_outbox", ["done_at"], "done_at IS NOT NULL"),
    "ix_auth_outbox_user_id": ("auth_outbox", ["user_id"], None),
    "ix_auth_session_ended_at": ("auth_session", ["ended_at"], "ended_at IS NOT NULL"),
}


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema.

    On PostgreSQL the indexes are built concurrently, after the revisions (core/concurrent_indexes.py).
    """
    if op.get_context().dialect.name == "sqlite":
        for name, (table, columns, condition) in KEYS.items():
            where = None if condition is None else sa.text(condition)
            op.create_index(op.f(name), table, columns, sqlite_where=where)


def downgrade() -> None:
    """Returns to the previous revision."""
    for name, (table, _, _) in KEYS.items():
        op.drop_index(op.f(name), table_name=table)
