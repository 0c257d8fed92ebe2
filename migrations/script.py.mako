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
    """Expand only: the previous release keeps working on this schema."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    ${downgrades if downgrades else "pass"}
