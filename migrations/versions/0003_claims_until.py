"""Adds the moment from which a session's claims are outdated."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003_claims_until"
down_revision: str | None = "0002_accounts"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.add_column("auth_session", sa.Column("claims_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_column("auth_session", "claims_until")
