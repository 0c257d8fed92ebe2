"""Adds when an account forgot its known browsers, and the network that a request in the outbox came from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008_devices_and_sources"
down_revision: str | None = "0007_registrations"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KEY = "ix_auth_outbox_source_due_at"


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema; its rows have no source.

    On PostgreSQL the index is built concurrently, after the revisions (core/concurrent_indexes.py).
    """
    op.add_column("auth_email", sa.Column("devices_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("auth_outbox", sa.Column("source", sa.String(), server_default=sa.text("''"), nullable=False))
    if op.get_context().dialect.name == "sqlite":
        op.create_index(KEY, "auth_outbox", ["source", "due_at"], sqlite_where=sa.text("done_at IS NULL"))


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_index(KEY, table_name="auth_outbox")
    op.drop_column("auth_outbox", "source")
    op.drop_column("auth_email", "devices_since")
