"""Adds an index that finds the events of an actor on other users."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006_events_of_actors"
down_revision: str | None = "0005_purge_keys"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KEY = "ix_auth_event_actor_id"


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema.

    On PostgreSQL the index is built concurrently, after the revisions (core/concurrent_indexes.py).
    """
    if op.get_context().dialect.name == "sqlite":
        to_others = sa.text("actor_id IS NOT NULL AND (user_id IS NULL OR actor_id != user_id)")
        op.create_index(op.f(KEY), "auth_event", ["actor_id"], sqlite_where=to_others)


def downgrade() -> None:
    """Returns to the previous revision."""
    op.drop_index(op.f(KEY), table_name="auth_event")
