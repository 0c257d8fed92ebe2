"""Bodies of logins: complete or incomplete, distinguished by `status`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from fam_auth.schemas.base import Answer
from fam_auth.schemas.session import SessionAnswer, TokensAnswer
from fam_auth.schemas.user import UserAnswer


def _with_methods(schema: dict[str, Any]) -> None:
    """Adds the field `methods` to the schema. It cannot be a field of the model, because only some steps have it."""
    method = {"type": "string", "examples": ["totp"]}
    choice = {"type": "object", "properties": {"method": method}, "required": ["method"], "additionalProperties": True}
    told = "Only for second_factor and enroll_second_factor: the methods to choose from, each with its own details."
    schema["properties"]["methods"] = {"type": "array", "items": choice, "description": told}


class StepAnswer(BaseModel):
    """A remaining step of the login. Further fields depend on the step."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_with_methods)

    step: str = Field(examples=["second_factor"])


class CompleteAnswer(Answer):
    """The user is signed in. With the cookie transport, `tokens` and `device_token` are null.

    Send `device_token` with the next login. A known device has a rate limit of its own, so that failed attempts of
    others do not lock its user out.
    """

    status: Literal["complete"] = "complete"
    user: UserAnswer
    session: SessionAnswer
    tokens: TokensAnswer | None
    device_token: str | None = Field(examples=["famd_Kq7..."])


class IncompleteAnswer(Answer):
    """The login requires more steps, and there is no session yet. With the cookie transport, `login_token` is null."""

    status: Literal["incomplete"] = "incomplete"
    login_token: str | None
    expires_at: datetime
    next: list[StepAnswer]


LoginAnswer = Annotated[CompleteAnswer | IncompleteAnswer, Discriminator("status")]


class Verified(Answer):
    """The address is verified, and no login was in progress."""

    status: Literal["verified"] = "verified"


VerifiedAnswer = Annotated[Verified | CompleteAnswer | IncompleteAnswer, Discriminator("status")]
