"""What travels to and from the routes of second factors."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from fam_auth.schemas.base import Answer, Body, Text
from fam_auth.schemas.login import LoginAnswer

Code = Annotated[Text, Field(min_length=6, max_length=64)]


class FactorCode(Body):
    """A code, and whether this browser shall be spared the next ones."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})

    code: Code
    remember_browser: bool = Field(
        default=False, description="Skip the second factor in this browser from now on, if the settings allow it."
    )


class FirstCode(Body):
    """The code that a new device shows."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})

    code: Code


class NewDevice(Body):
    """What to call a device."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Phone"}})

    name: Annotated[Text, Field(min_length=1, max_length=100)] = "Authenticator"


class EnrolmentAnswer(Answer):
    """What an authenticator app needs. It is shown once; the device counts when it is confirmed."""

    id: UUID
    secret: str = Field(description="Secret in Base32, 160 bits.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(examples=["otpauth://totp/Acme:ada%40example.com?secret=...&issuer=Acme"])
    qr_svg: str = Field(description="The URI as a QR code, an SVG element.", examples=["<svg></svg>"])


class Confirmed(Answer):
    """The device counts. The recovery codes come with the first factor and are never shown again.

    `login` is what becomes of the login that demanded a factor; null for somebody who is signed in.
    """

    recovery_codes: list[str] | None = Field(examples=[["abcd-efgh-ijkl-mnop-qrst-uvwx"]])
    login: LoginAnswer | None = None


class RecoveryCodes(Answer):
    """Ten new codes, never shown again; the old ones are worth nothing."""

    recovery_codes: list[str] = Field(examples=[["abcd-efgh-ijkl-mnop-qrst-uvwx"]])


class DeviceItem(Answer):
    """An authenticator."""

    id: UUID
    name: str = Field(examples=["Phone"])
    created_at: datetime
    last_used_at: datetime | None


class BrowserItem(Answer):
    """A browser that is spared the second factor."""

    id: UUID
    client: str | None = Field(description="User agent of the browser.", validation_alias="agent", examples=["Firefox"])
    created_at: datetime
    expires_at: datetime


class FactorsOfUser(Answer):
    """The second factors of a user, as administrators see them."""

    devices: list[DeviceItem]
    recovery_codes_left: int


class Reason(Body):
    """Why, and how it was made sure that it is them."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "lost the phone, passport checked"}})

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class Factors(Answer):
    """The second factors of the caller."""

    required: bool = Field(description="Whether the caller must have a second factor.")
    devices: list[DeviceItem]
    recovery_codes_left: int
    new_recovery_codes_advised: bool = Field(description="Whether three or fewer recovery codes are left.")
    trusted_browsers: list[BrowserItem]
