"""The settings of the password feature."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, field_validator
from pydantic_settings import NoDecode

from fam_auth.feature import Feature
from fam_auth.features.password.breached import Breached
from fam_auth.features.password.policy import LONGEST

# No user, no query, no fragment.
RANGE_API = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?")


class PasswordSettings(Feature):
    """The rules for passwords. Shorter than 8 is refused at start (NIST SP 800-63B-4, 3.1.1.2; ASVS V6.2.1)."""

    name: ClassVar[str] = "password"
    strict: ClassVar[Mapping[str, Any]] = {"minimum_length": 15, "reset_lifetime": timedelta(minutes=10)}

    minimum_length: int = Field(
        8, ge=8, le=64, description="Minimum length of a new password, in characters. strict: 15."
    )
    context_words: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Words a password must not consist of, besides the names of the application and the user.",
    )

    breached_url: str | None = Field(
        None,
        description="Range API to check new passwords with, such as https://api.pwnedpasswords.com/range.",
    )
    breached_timeout: timedelta = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        le=timedelta(seconds=3),
        description="Timeout of that check. After it, only the built-in list counts.",
    )

    reset_lifetime: timedelta = Field(
        timedelta(minutes=30), description="Lifetime of a password reset link. strict: 10 minutes."
    )
    invitation_lifetime: timedelta = Field(timedelta(days=7), description="Lifetime of an invitation link.")

    _breached: Breached | None = PrivateAttr(None)

    @field_validator("context_words", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("breached_url")
    @classmethod
    def _is_a_range_api(cls, url: str | None) -> str | None:
        if not url:
            return None
        if not RANGE_API.fullmatch(url) or urlsplit(url).port == 0:
            raise ValueError("must be a URL such as https://api.pwnedpasswords.com/range, without query or fragment")
        if url.startswith("http:") and not _is_this_machine(urlsplit(url).hostname or ""):
            raise ValueError("uses plain HTTP, which others can read: use https")
        return url.rstrip("/")

    @property
    def breached(self) -> Breached | None:
        """The breach API; None if no `breached_url` is set."""
        return self._breached

    def words(self, app_name: str, host: str, *own: str | None) -> list[str]:
        """The context words that an attacker would try first for this application and user."""
        return [*self.context_words, app_name, host, *(word for word in own if word)]

    def public(self) -> Mapping[str, Any]:
        return {"minimum_length": self.minimum_length, "maximum_length": LONGEST}


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
