"""${message}."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand: the code before this revision goes on working."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Back to the revision before; what the new columns held is lost."""
    ${downgrades if downgrades else "pass"}
