"""Claims of a session that hold until a moment."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003_claims_until"
down_revision: str | None = "0002_accounts"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand: the code before this revision goes on working."""
    op.add_column("auth_session", sa.Column("claims_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back to the revision before; what the new columns held is lost."""
    op.drop_column("auth_session", "claims_until")
