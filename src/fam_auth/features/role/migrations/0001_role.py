"""Creates the tables of roles and grants."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_role"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

IN_FORCE = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_role",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("in_code", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_auth_role")),
    )
    op.create_table(
        "auth_role_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_role_grant_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_role_grant")),
    )
    op.create_index(op.f("ix_auth_role_grant_role"), "auth_role_grant", ["role"])
    op.create_index(op.f("ix_auth_role_grant_user_id"), "auth_role_grant", ["user_id"])
    op.create_index(
        "uq_auth_role_grant_in_force",
        "auth_role_grant",
        ["user_id", "role", "scope"],
        unique=True,
        postgresql_where=IN_FORCE,
        sqlite_where=IN_FORCE,
    )
    op.create_table(
        "auth_role_inclusion",
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("includes", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["includes"], ["auth_role.name"], name=op.f("fk_auth_role_inclusion_includes_auth_role"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["role"], ["auth_role.name"], name=op.f("fk_auth_role_inclusion_role_auth_role"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("role", "includes", name=op.f("pk_auth_role_inclusion")),
    )
    op.create_index(op.f("ix_auth_role_inclusion_includes"), "auth_role_inclusion", ["includes"])
    op.create_table(
        "auth_role_permission",
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("permission", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role"], ["auth_role.name"], name=op.f("fk_auth_role_permission_role_auth_role"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("role", "permission", name=op.f("pk_auth_role_permission")),
    )
    op.create_index(op.f("ix_auth_role_permission_permission"), "auth_role_permission", ["permission"])


def downgrade() -> None:
    """Returns to the previous revision; the data of the tables is lost."""
    op.drop_index(op.f("ix_auth_role_permission_permission"), table_name="auth_role_permission")
    op.drop_table("auth_role_permission")
    op.drop_index(op.f("ix_auth_role_inclusion_includes"), table_name="auth_role_inclusion")
    op.drop_table("auth_role_inclusion")
    op.drop_index("uq_auth_role_grant_in_force", table_name="auth_role_grant")
    op.drop_index(op.f("ix_auth_role_grant_user_id"), table_name="auth_role_grant")
    op.drop_index(op.f("ix_auth_role_grant_role"), table_name="auth_role_grant")
    op.drop_table("auth_role_grant")
    op.drop_table("auth_role")
