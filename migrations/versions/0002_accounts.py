"""Adds suspensions that end, step-ups, known browsers, and changes of address."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002_accounts"
down_revision: str | None = "0001_kernel"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.add_column("auth_user", sa.Column("suspended_until", sa.DateTime(timezone=True), nullable=True))
    demands = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("auth_user", sa.Column("demands", demands, server_default=sa.text("'[]'"), nullable=False))
    op.add_column("auth_login", sa.Column("session_id", sa.Uuid(), nullable=True))
    op.add_column("auth_login", sa.Column("device", sa.String(), server_default=sa.text("''"), nullable=False))
    known = sa.Column("is_known_device", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("auth_login", known)
    op.add_column(
        "auth_session", sa.Column("refresh_free_at", sa.Double(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("auth_one_time_token", sa.Column("shown", sa.String(), nullable=True))


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_column("auth_one_time_token", "shown")
    op.drop_column("auth_session", "refresh_free_at")
    op.drop_column("auth_login", "is_known_device")
    op.drop_column("auth_login", "device")
    op.drop_column("auth_login", "session_id")
    op.drop_column("auth_user", "demands")
    op.drop_column("auth_user", "suspended_until")
