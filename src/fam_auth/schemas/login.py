"""Logins as they travel: complete or incomplete, told apart by `status`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from fam_auth.schemas.base import Answer
from fam_auth.schemas.session import SessionAnswer, TokensAnswer
from fam_auth.schemas.user import UserAnswer


def _with_methods(schema: dict[str, Any]) -> None:
    """Describes the field that a step with a choice has, so that clients know of it; the others do not send it."""
    method = {"type": "string", "examples": ["totp"]}
    choice = {"type": "object", "properties": {"method": method}, "required": ["method"], "additionalProperties": True}
    told = "For second_factor and enroll_second_factor: the methods to choose from, with details."
    schema["properties"]["methods"] = {"type": "array", "items": choice, "description": told}


class StepAnswer(BaseModel):
    """Something the login still lacks; further fields depend on the step."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_with_methods)

    step: str = Field(examples=["second_factor"])


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


VerifiedAnswer = Annotated[Verified | CompleteAnswer | IncompleteAnswer, Discriminator("status")]
