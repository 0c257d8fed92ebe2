"""The tables of roles and grants."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, column, text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models import Base, User


class Role(Base):
    """A role. `in_code`: the application's code declares it, and `fam-auth roles sync` updates it."""

    __tablename__ = "auth_role"

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str | None]
    in_code: Mapped[bool]
    created_at: Mapped[datetime]


class RolePermission(Base):
    """A permission of a role, not counting included roles."""

    __tablename__ = "auth_role_permission"

    role: Mapped[str] = mapped_column(ForeignKey(Role.name, ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(primary_key=True, index=True)


class RoleInclusion(Base):
    """A role that another one includes."""

    __tablename__ = "auth_role_inclusion"

    role: Mapped[str] = mapped_column(ForeignKey(Role.name, ondelete="CASCADE"), primary_key=True)
    includes: Mapped[str] = mapped_column(ForeignKey(Role.name, ondelete="CASCADE"), primary_key=True, index=True)


class Grant(Base):
    """A role of a user: since when, until when, and granted by whom. Stays as history after it has ended.

    `scope` says where it holds, such as `project:42`; empty: everywhere. `role` is no foreign key, because the history
    outlives the role. Each user, role and scope has at most one grant that is not revoked.
    """

    __tablename__ = "auth_role_grant"
    __table_args__ = (
        Index(
            "uq_auth_role_grant_in_force",
            "user_id",
            "role",
            "scope",
            unique=True,
            postgresql_where=column("revoked_at").is_(None),
            sqlite_where=column("revoked_at").is_(None),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(index=True)
    scope: Mapped[str] = mapped_column(server_default=text("''"))
    granted_at: Mapped[datetime]
    granted_by: Mapped[UUID | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[UUID | None]
