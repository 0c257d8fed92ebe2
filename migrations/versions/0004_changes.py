"""Creates the invalidation feed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004_changes"
down_revision: str | None = "0003_claims_until"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_change")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_auth_change_at"), "auth_change", ["at"])
    op.create_index(op.f("ix_auth_change_position"), "auth_change", ["position"])


def downgrade() -> None:
    """Returns to the previous revision; the data of the tables is lost."""
    op.drop_index(op.f("ix_auth_change_position"), table_name="auth_change")
    op.drop_index(op.f("ix_auth_change_at"), table_name="auth_change")
    op.drop_table("auth_change")
