"""What travels to and from the password's routes."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from fam_auth.schemas.base import Answer, Body, EmailAddress, Text
from fam_auth.schemas.user import Name
from fam_auth.values import Transport

SomePassword = Annotated[Text, Field(min_length=1, max_length=4096)]
EXAMPLE = {"email": "ada@example.com", "password": "seventeen green llamas"}


class Registration(Body):
    """A new account. `transport` matters only where addresses need no verification."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "name": "Ada"}})

    email: EmailAddress
    password: SomePassword
    name: Name | None = None
    transport: Transport | None = None


class Credentials(Body):
    """The first proof. `transport` decides how the session travels; null takes the default."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "transport": "bearer"}})

    email: EmailAddress
    password: SomePassword
    transport: Transport | None = None


class PendingVerification(Answer):
    """Always the same, whether the address was known or not: look into the mailbox."""

    status: Literal["pending_verification"] = "pending_verification"


class Candidate(Body):
    """A password to look at; nothing is kept of it."""

    model_config = ConfigDict(json_schema_extra={"example": {"password": "seventeen green llamas"}})

    password: SomePassword


class Judgement(Answer):
    """Whether a password would be accepted, and if not, why."""

    acceptable: bool
    reasons: list[dict[str, Any]]
