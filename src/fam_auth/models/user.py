"""The table of users."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base


class User(Base):
    """A user. Their address is in Email, their credentials are in the tables of the features.

    `key` is the user's id in an application that they were imported from. A suspension without `suspended_until` lasts
    until it is lifted. `demands` lists steps that the next login requires, such as `change_password`.
    """

    __tablename__ = "auth_user"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str | None]
    locale: Mapped[str | None]
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str | None]
    suspended_until: Mapped[datetime | None]
    demands: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
