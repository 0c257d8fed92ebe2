"""The requests and responses of the password routes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, create_model, field_validator

from fam_auth.exceptions import Misconfigured
from fam_auth.schemas.base import Answer, Body, EmailAddress, Text, Token, check_plain
from fam_auth.schemas.login import CompleteAnswer, IncompleteAnswer
from fam_auth.schemas.user import Name
from fam_auth.values import Transport

SomePassword = Annotated[Text, Field(min_length=1, max_length=4096)]
NEW = "eleven purple yaks"
EXAMPLE = {"email": "ada@example.com", "password": "seventeen green llamas"}


class Registration(Body):
    """A new account. `transport` is the transport of the registration token, or of the session."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "name": "Ada"}})

    email: EmailAddress
    password: SomePassword
    name: Name | None = None
    transport: Transport | None = None


def registration(fields: type[BaseModel] | None) -> type[Registration]:
    """The form with the application's own fields. Raises Misconfigured if both have a field of the same name."""
    if fields is None:
        return Registration
    if both := sorted(Registration.model_fields.keys() & fields.model_fields.keys()):
        raise Misconfigured(f"Auth(registration={fields.__name__}): the field {both[0]} already exists. Rename it.")
    shown = {name: field.examples[0] for name, field in fields.model_fields.items() if field.examples}
    example = {**EXAMPLE, "name": "Ada", **shown}

    class Own(Body):
        # With several bases, the last one's configuration wins, whatever the application's own model says.
        model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": example})

        @field_validator("*", mode="before")
        @classmethod
        def _is_plain(cls, given: object) -> object:
            return check_plain(given)

    bases = (Registration, fields, Own)
    return create_model("Registration", __base__=bases, __doc__=Registration.__doc__)  # type: ignore[arg-type]


def own_fields(fields: type[BaseModel] | None, form: Registration) -> BaseModel | None:
    """The application's own fields as its own model, without the password. None if the form has no such fields."""
    if fields is None or not isinstance(form, fields):
        return None
    values = {name: getattr(form, name) for name in fields.model_fields}
    return fields.model_construct(form.model_fields_set & values.keys(), **values)


class Credentials(Body):
    """Address and password. `transport` is the transport of the session; null is the default."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "transport": "bearer"}})

    email: EmailAddress
    password: SomePassword
    transport: Transport | None = None
    device_token: Token | None = Field(
        None, description="The `device_token` of the last complete login. Not needed with cookies."
    )


class Change(Body):
    """The current password and a new one."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"current_password": EXAMPLE["password"], "new_password": NEW}}
    )

    current_password: SomePassword
    new_password: SomePassword


class Reset(Body):
    """The token of the mail, and the new password."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "famp_...", "new_password": NEW}})

    token: Token
    new_password: SomePassword


class Invitation(Body):
    """The user to invite."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": EXAMPLE["email"], "name": "Ada"}})

    email: EmailAddress
    name: Name | None = None


class PendingVerification(Answer):
    """The same response whether the address is known or not.

    `registration_token` goes with the token or code of the mail to POST /email/verify. It is null with the cookie
    transport.
    """

    status: Literal["pending_verification"] = "pending_verification"
    registration_token: str | None = Field(examples=["famg_8sQ1..."])


RegisteredAnswer = Annotated[PendingVerification | CompleteAnswer | IncompleteAnswer, Discriminator("status")]


class Candidate(Body):
    """A password to check. It is not stored."""

    model_config = ConfigDict(json_schema_extra={"example": {"password": "seventeen green llamas"}})

    password: SomePassword


class Judgement(Answer):
    """Whether a password would be accepted, and if not, why."""

    acceptable: bool
    reasons: list[dict[str, Any]]
