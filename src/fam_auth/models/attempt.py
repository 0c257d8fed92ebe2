"""The table of rate limits and lockouts."""

from sqlalchemy.orm import Mapped, mapped_column

from fam_auth.models.base import KEYED, Base


class Attempt(Base):
    """One counter: how often something was tried, and when the next try is allowed (seconds since the epoch).

    `key` is a keyed digest, so the table contains no account and no address.
    """

    __tablename__ = "auth_attempt"

    key: Mapped[str] = mapped_column(primary_key=True, info=KEYED)
    bucket: Mapped[str]
    tries: Mapped[int]
    tried_at: Mapped[float] = mapped_column(index=True)
    free_at: Mapped[float]
