"""Bodies of the routes for front ends and load balancers."""

from typing import Any, Literal

from fam_auth.schemas.base import Answer


class Config(Answer):
    """The public configuration. `links` are the pages that mails lead to; null: the hosted page."""

    app_name: str
    transports: list[str]
    default_transport: str
    email_verification: bool
    links: dict[str, str | None]
    features: dict[str, dict[str, Any]]


class Health(Answer):
    """The check succeeded."""

    status: Literal["ok"] = "ok"
