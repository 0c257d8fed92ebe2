"""Whether settings work together and are safe: what fails at startup, and what `fam-auth doctor` advises."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta

from dotenv import dotenv_values
from pydantic import BaseModel

from fam_auth.core import forwarded, hosts
from fam_auth.core.settings import DOTENV, KNOWN_ELSEWHERE, PREFIX, Settings, reads_dotenv
from fam_auth.exceptions import Misconfigured


def check(settings: Settings) -> None:
    """Raises Misconfigured for what cannot work or is not safe together."""
    production = not settings.is_development
    plain = (settings.public_url or "").startswith("http://")
    if settings.public_url is None:
        raise Misconfigured(
            "FAM_AUTH_PUBLIC_URL is not set, and links in mails require it. Set it to https://your.host."
        )
    if plain and "cookie" in settings.transports and not settings.cookies_over_http:
        raise Misconfigured(
            "FAM_AUTH_PUBLIC_URL is plain HTTP and FAM_AUTH_TRANSPORTS allows cookies. Use https, set "
            "FAM_AUTH_TRANSPORTS=bearer, or, on your own machine only, FAM_AUTH_COOKIES_OVER_HTTP=true.",
        )
    if settings.session_idle > settings.session_absolute:
        raise Misconfigured("FAM_AUTH_SESSION_IDLE is longer than FAM_AUTH_SESSION_ABSOLUTE. Make it shorter.")
    if any(proxy != forwarded.UNIX and proxy.prefixlen == 0 for proxy in settings.trusted_proxies):
        raise Misconfigured(
            "FAM_AUTH_TRUSTED_PROXIES trusts every client, so clients can claim any address. List only your proxies."
        )
    for origin in settings.allowed_origins:
        _check_origin(origin, production=production)
    if production and settings.secrets is None:
        raise Misconfigured("FAM_AUTH_SECRETS is not set. Generate a secret with `fam-auth secret` and set it.")
    if production and settings.mail is None:
        raise Misconfigured("FAM_AUTH_MAIL is not set. Set it to smtp://user:password@host:587 or file:///directory.")


def _check_origin(origin: str, *, production: bool) -> None:
    if hosts.origin(origin) is None:
        raise Misconfigured("FAM_AUTH_ALLOWED_ORIGINS: write each origin in full, such as https://app.example.com.")
    if production and origin.startswith("http:"):
        raise Misconfigured(
            "FAM_AUTH_ALLOWED_ORIGINS has an origin with plain HTTP, which anyone can forge. Use https."
        )


def advice(settings: Settings) -> Iterator[str]:
    """What works and is not as safe as it could be, with the remedy."""
    if settings.is_development:
        return
    if settings.session_absolute > timedelta(days=30):
        yield "FAM_AUTH_SESSION_ABSOLUTE is longer than 30 days, the maximum of NIST SP 800-63B-4: shorten it."
    if settings.access_lifetime > timedelta(hours=1):
        yield "FAM_AUTH_ACCESS_LIFETIME is longer than an hour: shorten it. Refreshing costs little."
    if settings.api_docs:
        yield "FAM_AUTH_API_DOCS shows the API documentation to everyone: turn it off."
    if settings.token_route:
        yield "FAM_AUTH_TOKEN_ROUTE accepts passwords without a second factor: turn it off."
    if not settings.email_verification:
        yield "FAM_AUTH_EMAIL_VERIFICATION is off, so anyone can register any address: turn it on."
    if (settings.mail or "").startswith("console:"):
        yield "FAM_AUTH_MAIL prints mails instead of sending them: set it to smtp://user:password@host:587."
    if not settings.secure_cookies:
        yield "FAM_AUTH_COOKIES_OVER_HTTP sends cookies where others can read them: turn it off and use https."


def check_names(sections: Mapping[str, type[BaseModel] | None]) -> None:
    """Raises Misconfigured for a FAM_AUTH_ variable nothing reads, such as a misspelt one.

    `sections` are the features by name; None is one that is installed but not in use.
    """
    fields = {name.upper(): info.annotation for name, info in Settings.model_fields.items()}
    known = {**fields, **{name.upper(): model for name, model in sections.items()}}
    for variable in sorted({*os.environ, *(dotenv_values(DOTENV) if reads_dotenv() else ())}):
        if variable.startswith(PREFIX) and not variable.startswith(KNOWN_ELSEWHERE):
            name, nested, field = variable.removeprefix(PREFIX).partition("__")
            if name not in known or (nested and not _has_field(known[name], field)):
                raise Misconfigured(f"{variable} is not a setting of fam-auth. Run `fam-auth config` for a list.")


def _has_field(owner: object, field: str) -> bool:
    return owner is None or field.lower().split("__")[0] in getattr(owner, "model_fields", ())
