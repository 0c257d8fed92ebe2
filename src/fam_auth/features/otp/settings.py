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

    issuer: str | None = Field(None, description="What authenticator apps call the account. None: app_name.")
    required: bool | Callable[[User], bool] = Field(
        default=False,
        description="Who must have a second factor: everybody, nobody, or, in code, whom a function of the user says.",
    )
    required_roles: Names = Field(
        (), description="Roles whose holders must have a second factor, whatever `required` says."
    )
    drift: int = Field(1, ge=0, le=1, description="Steps of 30 s before the present one that count too. strict: 0.")
    email_code: bool = Field(
        default=False,
        description="A code by mail beside the password. It adds no assurance where a reset goes by mail.",
    )
    code_lifetime: timedelta = Field(timedelta(minutes=10), le=timedelta(minutes=10), description="Life of that code.")
    enrolment_lifetime: timedelta = Field(timedelta(minutes=10), description="A device nobody confirmed is gone then.")
    remember_browser: bool = Field(
        default=False, description="Whether a browser may be spared the second factor; its sessions are aal1."
    )
    remember_lifetime: timedelta = Field(timedelta(days=30), description="How long it is spared.")
    tries: int = Field(5, ge=1, le=5, description="Tries within one login.")
    quarter: Rate = Field(Rate("10/15m"), description="Wrong second factors of one account.")
    day: Rate = Field(Rate("50/1d"), description="The same over a day.")

    def is_required_of(self, user: User, claims: Mapping[str, Any]) -> bool:
        """Whether this user must have a second factor; `claims` are those of their sessions."""
        if not set(self.required_roles).isdisjoint(claims.get("roles", ())):
            return True
        return self.required(user) if callable(self.required) else self.required

    def public(self) -> Mapping[str, Any]:
        methods = ["totp", "recovery_code", *(["email_code"] if self.email_code else [])]
        return {"methods": methods, "required": self.required is True, "remember_browser": self.remember_browser}
