"""The table of logins in progress."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, false, text
from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import KEYED, Base
from fam_auth.models.user import User


class Login(Base):
    """A login with remaining steps. Its token works only for the next step, and changes at every step.

    `session_id` is the session that a step-up is for; None: the login starts a session. It is no foreign key, because
    the session may end meanwhile.
    """

    __tablename__ = "auth_login"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(unique=True, info=KEYED)
    session_id: Mapped[UUID | None]
    device: Mapped[str] = mapped_column(server_default=text("''"))
    is_known_device: Mapped[bool] = mapped_column(server_default=false())
    transport: Mapped[str]
    proofs: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
