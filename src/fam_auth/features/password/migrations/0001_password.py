"""Creates the table of password hashes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_password"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_password",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["auth_user.id"],
            name=op.f("fk_auth_password_user_id_auth_user"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_auth_password")),
    )


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_table("auth_password")
