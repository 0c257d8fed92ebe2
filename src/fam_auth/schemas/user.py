"""Bodies of users and of requests about their accounts."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fam_auth.core.language_tags import LONGEST_TAG, canonical
from fam_auth.schemas.base import Answer, Body, EmailAddress, Moment, Text, Token

Name = Annotated[Text, Field(max_length=200)]


def _language(text: str) -> str:
    tag = canonical(text)
    if tag is None:
        raise PydanticCustomError("invalid_language", "Must be a language tag, such as en or pt-BR.")
    return tag


Locale = Annotated[str, Field(max_length=LONGEST_TAG, json_schema_extra={"format": "bcp47"}), AfterValidator(_language)]
"""A language tag (BCP 47), stored in its canonical form: `pt-BR`."""


class UserAnswer(Answer):
    """A user, as they see their own account."""

    id: UUID
    email: str = Field(examples=["ada@example.com"])
    email_verified: bool
    name: str | None = Field(examples=["Ada"])
    locale: str | None = Field(description="Language tag (BCP 47); null if not chosen.", examples=["en"])
    created_at: datetime


class UserChange(Body):
    """Changes to a user. Fields that are left out stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Ada Lovelace", "locale": "en"}})

    name: Name | None = Field(None, description="null removes the name.")
    locale: Locale | None = Field(None, description="Language tag (BCP 47). null removes it.")


class ByToken(Body):
    """The token from the link of a mail."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "famp_4nX0..."}})

    token: Token


class OfRegistration(Body):
    """Shows that the sender is the person who registered: send one of the two, or the registration cookie."""

    registration_token: Token | None = Field(None, description="The `registration_token` that POST /register returned.")
    password: Annotated[Text, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="The password given at registration."
    )


class VerifyByToken(OfRegistration):
    """The token from the link of a verification mail."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"token": "famp_4nX0...", "registration_token": "famg_8sQ1..."}}
    )

    token: Token


class VerifyByCode(OfRegistration):
    """The six-digit code from a verification mail."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"email": "ada@example.com", "code": "123456", "registration_token": "famg_8sQ1..."}
        }
    )

    email: EmailAddress
    code: Text = Field(max_length=20)


class Mailbox(Body):
    """The address to send a mail to."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com"}})

    email: EmailAddress


class Accepted(Answer):
    """The request was accepted. The response is the same whether or not the address has an account."""

    status: Literal["accepted"] = "accepted"


class UserItem(UserAnswer):
    """A user, as administrators see the account."""

    key: str | None = Field(description="Your application's own id of the user; null if it has none.")
    suspended_at: datetime | None
    suspended_until: datetime | None = Field(description="End of the suspension; null if it lasts until restored.")


class Suspension(Body):
    """Reason and end of a suspension. Without `until`, it lasts until the user is restored."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "unpaid", "until": "2030-01-01T00:00:00Z"}})

    reason: Annotated[Text, Field(max_length=500)] | None = None
    until: Moment | None = None


class Export(Answer):
    """Everything that is stored about a user, by table, without secrets."""

    user: UserAnswer
    tables: dict[str, list[dict[str, Any]]]
