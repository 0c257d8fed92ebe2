"""What a front end and a load balancer must know."""

from typing import Any, Literal

from fam_auth.schemas.base import Answer


class Config(Answer):
    """The ways in, their rules, and how sessions travel."""

    app_name: str
    transports: list[str]
    default_transport: str
    email_verification: bool
    links: dict[str, str | None]
    features: dict[str, dict[str, Any]]


class Health(Answer):
    """All is well."""

    status: Literal["ok"] = "ok"
