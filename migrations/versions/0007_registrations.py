"""Adds registrations that wait for their address to be verified, and what a one-time token was issued for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007_registrations"
down_revision: str | None = "0006_events_of_actors"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TOKENS = "auth_one_time_token"


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_registration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["auth_user.id"],
            name=op.f("fk_auth_registration_user_id_auth_user"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_registration")),
        sa.UniqueConstraint("token", name=op.f("uq_auth_registration_token")),
    )
    op.create_index(op.f("ix_auth_registration_user_id"), "auth_registration", ["user_id"])
    op.add_column(TOKENS, sa.Column("registration_id", sa.Uuid(), nullable=True))
    op.add_column(TOKENS, sa.Column("session_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_column(TOKENS, "session_id")
    op.drop_column(TOKENS, "registration_id")
    op.drop_table("auth_registration")
