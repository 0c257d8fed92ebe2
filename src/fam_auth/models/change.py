"""The table of the invalidation feed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base


class Change(Base):
    """A session or user that has changed; `about` is its id, None: everything has changed.

    `position` orders the feed so that a reader misses no row that commits late: on PostgreSQL it is the id of the
    transaction (queries/invalidation.py).
    """

    __tablename__ = "auth_change"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger(), index=True)
    about: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(index=True)
