"""The settings of webhooks: the endpoints and the events that each receives."""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from fam_auth.core.settings import Names
from fam_auth.feature import Feature
from fam_auth.features.webhook import signature

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LONGEST = timedelta(seconds=25)  # an event job is cancelled after 30 s


class Endpoint(BaseModel):
    """An endpoint that receives events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Address that events are posted to, by https.")
    secret: SecretStr = Field(
        description="whsec_ and 24 to 64 bytes in base64; two with a comma while one is replaced."
    )
    events: Annotated[Names, Field(min_length=1)] = Field(
        description="Kinds of events, such as user.registered or user.*, separated by commas."
    )
    personal: bool = Field(
        default=False, description="Send address, name, network address, client and detail, too, and not ids alone."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("must be an address like https://example.com/hooks, without a password and without a #")
        return url

    @field_validator("secret")
    @classmethod
    def _is_a_key(cls, secret: SecretStr) -> SecretStr:
        signature.keys(secret.get_secret_value())
        return secret

    @cached_property
    def keys(self) -> list[bytes]:
        """The signing keys, newest first."""
        return signature.keys(self.secret.get_secret_value())


class WebhookSettings(Feature):
    """Where events go."""

    name: ClassVar[str] = "webhook"

    endpoints: Mapping[str, Endpoint] = Field({}, description="Endpoints by a name that stays the same.")
    private_addresses: bool = Field(
        default=False, description="Endpoints may be at private addresses, and then by http, too."
    )
    timeout: timedelta = Field(
        timedelta(seconds=10), gt=timedelta(0), le=LONGEST, description="An answer takes no longer than this."
    )
    ca_file: Path | None = Field(None, description="Certificates that endpoints are signed by. None: the system's.")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for name, endpoint in self.endpoints.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for an endpoint: use small letters, digits, - and _")
            if endpoint.url.startswith("http:") and not self.private_addresses:
                raise ValueError(f"the endpoint {name} is plain http, which anybody can read: use https")
        return self
