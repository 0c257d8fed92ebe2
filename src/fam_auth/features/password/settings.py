"""The settings of the password feature."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from fam_auth.feature import Feature
from fam_auth.features.password.policy import LONGEST


class PasswordSettings(Feature):
    """The rules for passwords. Shorter than 8 is refused at start (NIST SP 800-63B-4, 3.1.1.2; ASVS V6.2.1)."""

    name: ClassVar[str] = "password"
    strict: ClassVar[Mapping[str, Any]] = {"minimum_length": 15, "reset_lifetime": timedelta(minutes=10)}

    minimum_length: int = Field(8, ge=8, le=64, description="Characters a new password needs. strict: 15.")
    context_words: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Words no password may consist of, beside the application's name and the user's own.",
    )

    reset_lifetime: timedelta = Field(timedelta(minutes=30), description="Life of a reset link. strict: 10 minutes.")
    invitation_lifetime: timedelta = Field(timedelta(days=7), description="Life of an invitation.")

    @field_validator("context_words", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    def words(self, app_name: str, host: str, *own: str | None) -> list[str]:
        """What an attacker who knows the application and the user tries first."""
        return [*self.context_words, app_name, host, *(word for word in own if word)]

    def public(self) -> Mapping[str, Any]:
        return {"minimum_length": self.minimum_length, "maximum_length": LONGEST}
