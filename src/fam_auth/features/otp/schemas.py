"""The requests and responses of the second factor routes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from fam_auth.schemas.base import Answer, Body, Text
from fam_auth.schemas.login import LoginAnswer

Code = Annotated[Text, Field(min_length=6, max_length=64)]


class FactorCode(Body):
    """A code, and whether to trust this browser from now on."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})

    code: Code
    remember_browser: bool = Field(
        default=False, description="Skip the second factor in this browser from now on, if the settings allow it."
    )


class FirstCode(Body):
    """The first code of a new authenticator app."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})

    code: Code


class NewDevice(Body):
    """The name of an authenticator app."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Phone"}})

    name: Annotated[Text, Field(min_length=1, max_length=100)] = "Authenticator"


class EnrolmentAnswer(Answer):
    """What an authenticator app needs, shown once. It becomes a factor when it is confirmed."""

    id: UUID
    secret: str = Field(description="Secret in Base32, 160 bits.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(examples=["otpauth://totp/Acme:ada%40example.com?secret=...&issuer=Acme"])
    qr_svg: str = Field(description="The URI as a QR code, an SVG element.", examples=["<svg></svg>"])


class Confirmed(Answer):
    """The authenticator app is a factor now. The recovery codes come with the first app and are not shown again.

    `login` is the response of the login that required a factor; null with a session.
    """

    recovery_codes: list[str] | None = Field(examples=[["abcd-efgh-ijkl-mnop-qrst-uvwx"]])
    login: LoginAnswer | None = None


class RecoveryCodes(Answer):
    """Ten new codes, shown once. The old ones no longer work."""

    recovery_codes: list[str] = Field(examples=[["abcd-efgh-ijkl-mnop-qrst-uvwx"]])


class DeviceItem(Answer):
    """An authenticator app."""

    id: UUID
    name: str = Field(examples=["Phone"])
    created_at: datetime
    last_used_at: datetime | None


class BrowserItem(Answer):
    """A browser that does not need the second factor."""

    id: UUID
    client: str | None = Field(description="User agent of the browser.", validation_alias="agent", examples=["Firefox"])
    created_at: datetime
    expires_at: datetime


class FactorsOfUser(Answer):
    """The second factors of a user, as administrators see them."""

    devices: list[DeviceItem]
    recovery_codes_left: int


class Reason(Body):
    """The reason, and how you verified the user's identity."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "lost the phone, passport checked"}})

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class Factors(Answer):
    """The second factors of the caller."""

    required: bool = Field(description="Whether the caller must have a second factor.")
    devices: list[DeviceItem]
    recovery_codes_left: int
    new_recovery_codes_advised: bool = Field(description="Whether three or fewer recovery codes are left.")
    trusted_browsers: list[BrowserItem]
