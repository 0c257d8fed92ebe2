"""Creates the table of the passwords of waiting registrations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002_registrations"
down_revision: str | None = "0001_password"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_password_registration",
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["auth_registration.id"],
            name=op.f("fk_auth_password_registration_registration_id_auth_registration"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_auth_password_registration")),
    )


def downgrade() -> None:
    """Returns to the previous revision; the data of the new table is lost."""
    op.drop_table("auth_password_registration")
