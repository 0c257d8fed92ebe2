"""The feed of what workers must not remember any longer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import Base


class Change(Base):
    """A session or a user that has changed (`about` is the id of either); None: everything has.

    `position` never comes before that of a change that was committed earlier and read: on PostgreSQL it is the id of
    the transaction.
    """

    __tablename__ = "auth_change"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger(), index=True)
    about: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(index=True)
