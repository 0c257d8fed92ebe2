"""Refusals as they travel (RFC 9457)."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """What is wrong with one field. The value that was sent is never repeated."""

    model_config = ConfigDict(extra="allow")

    field: str = Field(
        description="Path of the field, joined by dots. Empty for the whole body.", examples=["password"]
    )
    code: str = Field(description="Error code, for programs.", examples=["too_short"])
    message: str = Field(description="Error message, for people.", examples=["Must be at least 8 characters."])


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:problem-type:fam-auth:invalid_credentials"])
    code: str = Field(description="Stable name of the problem.", examples=["invalid_credentials"])
    title: str = Field(examples=["Incorrect email address or password."])
    status: int = Field(examples=[401])
    detail: str = Field(examples=["Incorrect email address or password."])
    request_id: str | None = Field(
        description="Id of the request. Include it when you ask for help.", examples=["0197f0c2a1b34c5d"]
    )
    errors: list[FieldError] | None = Field(None, description="Only with invalid_request.")
    lacking: dict[str, Any] | None = Field(
        None, description="Only with step_up_required, and with forbidden if the caller may grant what is missing."
    )
