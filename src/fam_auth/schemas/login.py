"""Logins as they travel: complete or incomplete, told apart by `status`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from fam_auth.schemas.base import Answer
from fam_auth.schemas.session import SessionAnswer, TokensAnswer
from fam_auth.schemas.user import UserAnswer


class StepAnswer(BaseModel):
    """Something the login still lacks; further fields depend on the step."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"step": "verify_email"}})

    step: str


class CompleteAnswer(Answer):
    """The user is signed in. `tokens` and `device_token` are null with the cookie transport.

    Send `device_token` with the next login: a device that is known has tries of its own, whatever strangers do.
    """

    status: Literal["complete"] = "complete"
    user: UserAnswer
    session: SessionAnswer
    tokens: TokensAnswer | None
    device_token: str | None = Field(examples=["famd_Kq7..."])


class IncompleteAnswer(Answer):
    """Something is still lacking; there is no session yet. `login_token` is null with the cookie transport."""

    status: Literal["incomplete"] = "incomplete"
    login_token: str | None
    expires_at: datetime
    next: list[StepAnswer]


LoginAnswer = Annotated[CompleteAnswer | IncompleteAnswer, Discriminator("status")]


class Verified(Answer):
    """The address is verified."""

    status: Literal["verified"] = "verified"
