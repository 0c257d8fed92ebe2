"""The settings of two-factor authentication."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from fam_auth.core.rates import Rate
from fam_auth.core.settings import Names
from fam_auth.feature import Feature
from fam_auth.values import User

ENROL = "enroll_second_factor"
"""The step of a login in which the user must add a factor."""


class OtpSettings(Feature):
    """Who must have a second factor, which kinds there are, and how often they may be tried."""

    name: ClassVar[str] = "otp"
    strict: ClassVar[Mapping[str, Any]] = {"drift": 0}

    issuer: str | None = Field(None, description="Issuer that authenticator apps show. Unset: app_name.")
    required: bool | Callable[[User], bool] = Field(
        default=False,
        description="Require a second factor of all users. In code, also a function that decides per user.",
    )
    required_roles: Names = Field((), description="Roles that require a second factor, whatever `required` says.")
    drift: int = Field(
        1, ge=0, le=1, description="Earlier 30-second time steps whose codes are still accepted. strict: 0."
    )
    email_code: bool = Field(
        default=False,
        description="Offer a code by mail as second factor. It adds no assurance: mail also resets the password.",
    )
    code_lifetime: timedelta = Field(
        timedelta(minutes=10), le=timedelta(minutes=10), description="Lifetime of a code by mail."
    )
    enrolment_lifetime: timedelta = Field(timedelta(minutes=10), description="Time to confirm a new authenticator.")
    remember_browser: bool = Field(
        default=False, description="Let users skip the second factor in browsers they trust. Their sessions are aal1."
    )
    remember_lifetime: timedelta = Field(
        timedelta(days=30), description="How long a trusted browser may skip the second factor."
    )
    tries: int = Field(5, ge=1, le=5, description="Attempts at the second factor within one login.")
    quarter: Rate = Field(Rate("10/15m"), description="Failed second factors of one account.")
    day: Rate = Field(Rate("50/1d"), description="Failed second factors of one account per day.")

    def is_required_of(self, user: User, claims: Mapping[str, Any]) -> bool:
        """Whether this user must have a second factor; `claims` are those of their sessions."""
        if not set(self.required_roles).isdisjoint(claims.get("roles", ())):
            return True
        return self.required(user) if callable(self.required) else self.required

    def public(self) -> Mapping[str, Any]:
        methods = ["totp", "recovery_code", *(["email_code"] if self.email_code else [])]
        return {"methods": methods, "required": self.required is True, "remember_browser": self.remember_browser}
