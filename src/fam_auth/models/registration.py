"""The table of registrations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import KEYED, Base
from fam_auth.models.user import User


class Registration(Base):
    """A registration whose address is not verified yet. Several may wait for one account, each with its own token.

    The credential of the oldest one works; features store those of the others under the id of the registration.
    """

    __tablename__ = "auth_registration"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey(User.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"), index=True
    )
    token: Mapped[str] = mapped_column(unique=True, info=KEYED)
    name: Mapped[str | None]
    created_at: Mapped[datetime]
