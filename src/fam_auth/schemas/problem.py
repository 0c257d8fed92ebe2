"""The body of problem responses (RFC 9457)."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """What is wrong with one field. The response never repeats the value that was sent."""

    model_config = ConfigDict(extra="allow")

    field: str = Field(description="Path of the field, with dots; empty for the whole body.", examples=["password"])
    code: str = Field(description="Stable code of the error, for programs.", examples=["too_short"])
    message: str = Field(description="Text for people, in their language.", examples=["Must be at least 8 characters."])


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Branch on `code`; the texts are translated and may change."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:problem-type:fam-auth:invalid_credentials"])
    code: str = Field(description="Stable code of the problem, for programs.", examples=["invalid_credentials"])
    title: str = Field(examples=["Incorrect email address or password."])
    status: int = Field(examples=[401])
    detail: str = Field(examples=["Incorrect email address or password."])
    request_id: str | None = Field(description="Id of the request in the log.", examples=["0197f0c2a1b34c5d"])
    errors: list[FieldError] | None = Field(None, description="Only for invalid_request: the invalid fields.")
    lacking: dict[str, Any] | None = Field(
        None,
        description="What is missing: for step_up_required, and for forbidden if the user may grant roles.",
    )
