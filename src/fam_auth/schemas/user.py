"""Users as they travel."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from fam_auth.schemas.base import Answer, Body, EmailAddress, Text

Name = Annotated[Text, Field(max_length=200)]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]


class UserAnswer(Answer):
    """A user, as they see themselves."""

    id: UUID
    email: str = Field(examples=["ada@example.com"])
    email_verified: bool
    name: str | None = Field(examples=["Ada"])
    locale: str | None = Field(description="Language tag (BCP 47); null: not chosen.", examples=["en"])
    created_at: datetime


class UserChange(Body):
    """What a user may change about themselves; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Ada Lovelace", "locale": "en"}})

    name: Name | None = Field(None, description="null removes it.")
    locale: Locale | None = Field(None, description="Language tag (BCP 47); null removes it.")


class VerifyByToken(Body):
    """The token of a verification link."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "famp_4nX0..."}})

    token: Text = Field(max_length=200)


class VerifyByCode(Body):
    """The short code of a verification mail."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com", "code": "123456"}})

    email: EmailAddress
    code: Text = Field(max_length=20)


class Resend(Body):
    """Who wants the verification mail again."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com"}})

    email: EmailAddress


class Accepted(Answer):
    """Always the same, whoever the address belongs to."""

    status: Literal["accepted"] = "accepted"
