"""Creates the tables of two-factor authentication."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001_otp"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Expand only: the previous release keeps working on this schema."""
    op.create_table(
        "auth_otp_device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_otp_device_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_otp_device")),
    )
    op.create_index(op.f("ix_auth_otp_device_user_id"), "auth_otp_device", ["user_id"])
    op.create_table(
        "auth_otp_email_code",
        sa.Column("login_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_otp_email_code_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("login_id", name=op.f("pk_auth_otp_email_code")),
    )
    op.create_index(op.f("ix_auth_otp_email_code_expires_at"), "auth_otp_email_code", ["expires_at"])
    op.create_index(op.f("ix_auth_otp_email_code_user_id"), "auth_otp_email_code", ["user_id"])
    op.create_table(
        "auth_otp_recovery_code",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_otp_recovery_code_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_auth_otp_recovery_code")),
    )
    op.create_index(op.f("ix_auth_otp_recovery_code_user_id"), "auth_otp_recovery_code", ["user_id"])
    op.create_table(
        "auth_otp_trusted_browser",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("factors", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["auth_user.id"],
            name=op.f("fk_auth_otp_trusted_browser_user_id_auth_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_otp_trusted_browser")),
        sa.UniqueConstraint("device", name=op.f("uq_auth_otp_trusted_browser_device")),
    )
    op.create_index(op.f("ix_auth_otp_trusted_browser_expires_at"), "auth_otp_trusted_browser", ["expires_at"])
    op.create_index(op.f("ix_auth_otp_trusted_browser_user_id"), "auth_otp_trusted_browser", ["user_id"])


def downgrade() -> None:
    """Returns to the previous revision; the data of the new columns is lost."""
    op.drop_index(op.f("ix_auth_otp_trusted_browser_user_id"), table_name="auth_otp_trusted_browser")
    op.drop_index(op.f("ix_auth_otp_trusted_browser_expires_at"), table_name="auth_otp_trusted_browser")
    op.drop_table("auth_otp_trusted_browser")
    op.drop_index(op.f("ix_auth_otp_recovery_code_user_id"), table_name="auth_otp_recovery_code")
    op.drop_table("auth_otp_recovery_code")
    op.drop_index(op.f("ix_auth_otp_email_code_user_id"), table_name="auth_otp_email_code")
    op.drop_index(op.f("ix_auth_otp_email_code_expires_at"), table_name="auth_otp_email_code")
    op.drop_table("auth_otp_email_code")
    op.drop_index(op.f("ix_auth_otp_device_user_id"), table_name="auth_otp_device")
    op.drop_table("auth_otp_device")
