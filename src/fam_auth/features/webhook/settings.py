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

    url: str = Field(description="URL that events are posted to, with https.")
    secret: SecretStr = Field(
        description="Signing secret: whsec_ and 24 to 64 bytes in base64. Two, separated by a comma, during rotation."
    )
    events: Annotated[Names, Field(min_length=1)] = Field(
        description="Kinds of events to send, such as user.registered or user.*, separated by commas."
    )
    personal: bool = Field(
        default=False, description="Send personal data too: e-mail and network address, name, client and detail."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("must be a URL such as https://example.com/hooks, without a user, password or #")
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

    endpoints: Mapping[str, Endpoint] = Field({}, description="Endpoints, each under a permanent name.")
    private_addresses: bool = Field(default=False, description="Allow endpoints at private addresses, and plain HTTP.")
    timeout: timedelta = Field(
        timedelta(seconds=10), gt=timedelta(0), le=LONGEST, description="Timeout of a request to an endpoint."
    )
    ca_file: Path | None = Field(
        None, description="CA certificates for the endpoints, in one file. Unset: those of the system."
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for name, endpoint in self.endpoints.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a valid endpoint name: use lower-case letters, digits, - and _")
            if endpoint.url.startswith("http:") and not self.private_addresses:
                raise ValueError(f"the endpoint {name} uses plain HTTP, which others can read: use https")
        return self
