"""Every setting of the kernel, where its value comes from, and what is refused at start."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fam_auth.core import forwarded, hosts
from fam_auth.core.addresses import Sender, sender
from fam_auth.core.hashing import Hashing
from fam_auth.core.links import Links
from fam_auth.core.throttle import Throttle
from fam_auth.exceptions import Misconfigured
from fam_auth.values import Transport

# Read outside of Settings: where secret files lie, where `serve` listens, the database server of the tests.
PREFIX = "FAM_AUTH_"
KNOWN_ELSEWHERE = ("FAM_AUTH_SECRETS_DIR", "FAM_AUTH_DEVELOPMENT_URL", "FAM_AUTH_TEST_")
DOTENV = ".env"
SQLITE = "sqlite+aiosqlite:///./fam_auth.db"


class Profile(StrEnum):
    """How much the package may assume: a developer's machine, the open internet, or the letter of the standards."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"
    STRICT = "strict"


class Configured(BaseSettings):
    """Values checked once and then fixed: given in code, else from the environment, `.env` or the secrets directory.

    `strict` holds the defaults that the strict profile changes. `.env` is not read in the other profiles than
    development, where a forgotten file must not decide anything. Raises Misconfigured with every wrong name.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_nested_delimiter="__", env_file=DOTENV)
    strict: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **given: Any) -> None:
        prefix = type(self).model_config.get("env_prefix", PREFIX)
        for name in given.keys() - type(self).model_fields.keys():
            raise Misconfigured(
                f"{prefix}{name.upper()} is not a setting of fam-auth. Run `fam-auth config` for a list."
            )
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise Misconfigured(_explain(prefix, error)) from None
        except SettingsError as error:
            name = prefix + str(error).partition('"')[2].partition('"')[0].upper()
            raise Misconfigured(f"{name} is not valid JSON. Set its parts instead, such as {name}__PART.") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if reads_dotenv():
            sources.append(dotenv_settings)
        if directory := os.environ.get("FAM_AUTH_SECRETS_DIR"):
            if not Path(directory).is_dir():
                raise Misconfigured("FAM_AUTH_SECRETS_DIR is not a directory. Correct or unset it.")
            sources.append(SecretsSettingsSource(settings_cls, secrets_dir=directory))
        return tuple(sources)

    def under(self, profile: Profile) -> Self:
        """The same with the defaults of `profile` where nothing else was said."""
        if profile is not Profile.STRICT:
            return self.model_copy()
        changed = {name: value for name, value in self.strict.items() if name not in self.model_fields_set}
        return self.model_copy(update=changed)


def _explain(prefix: str, error: ValidationError) -> str:
    places = ("__".join(part for part in one["loc"] if isinstance(part, str)).upper() for one in error.errors())
    lines = (
        f"{(prefix + place).rstrip('_')}: {one['msg'].removeprefix('Value error, ')}."
        for place, one in zip(places, error.errors(), strict=True)
    )
    return " ".join(lines)


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(Configured):
    """The settings of the kernel. Each is FAM_AUTH_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)
    strict = {
        "session_idle": timedelta(hours=1),
        "session_absolute": timedelta(hours=24),
        "refresh_grace": timedelta(0),
    }

    database: str = Field(SQLITE, description="Database URL: sqlite+aiosqlite:/// or postgresql+psycopg://.")
    db_schema: str = Field("fam_auth", description="PostgreSQL schema of the tables. Not used on SQLite.")
    pool_size: int = Field(10, ge=1, le=1000, description="Size of the database connection pool of each worker.")
    pooler: bool = Field(
        default=False,
        description="The database is behind a pooler in transaction mode, such as PgBouncer.",
    )
    secrets: SecretStr | None = Field(
        None, description='Secrets with versions, as in "2:...,1:...". The first encrypts and signs; all are accepted.'
    )
    profile: Profile = Field(
        Profile.PRODUCTION,
        description="development, production or strict. Unset: development on SQLite, production otherwise.",
    )
    features: Names = Field(
        default_factory=lambda: ("password", *(["otp"] if find_spec("pyotp") else []), "role"),
        description="Features of the service. Unset: password, role and, if pyotp is installed, otp.",
    )
    app_name: str = Field("fam-auth", min_length=1, description="Name of the application in mails and on pages.")
    public_url: str | None = Field(
        None, description="Public URL of the application, without the path, such as https://example.com."
    )
    links: Links = Field(Links(), description="Pages that the links in mails open.")
    mail: str | None = Field(None, description="Mail transport: console:, file:///directory, smtp:// or smtps://.")
    mail_from: str | None = Field(
        None,
        description="Sender of mails: one address, with or without a name. Unset: no-reply at the host of public_url.",
    )
    mail_templates: Path | None = Field(
        None, description="Directory with mail templates that replace the built-in ones."
    )
    pages: bool = Field(True, description="Serve the hosted pages. Requires the cookie transport.")
    page_templates: Path | None = Field(
        None, description="Directory with page templates that replace the built-in ones."
    )
    page_logo: Path | None = Field(
        None, description="Logo on pages: an .svg, .png or .webp file. Unset: the first letter of app_name."
    )
    page_accent: str | None = Field(None, description="Colour of buttons and links on pages, such as #0b6e69.")
    page_home: str | None = Field(
        None, description="Path that users reach after signing in on a page. Unset: the account page."
    )
    texts: Path | None = Field(
        None, description="Directory with message files, such as fr.toml, that extend or replace the built-in ones."
    )
    languages: Names = Field((), description="Languages to offer. Unset: every language with a message file.")
    language: str = Field("en", description="Language for users whose own languages are not available.")
    email_verification: bool = Field(True, description="Users must verify their address before they can sign in.")
    transports: Annotated[tuple[Transport, ...], NoDecode, BeforeValidator(_split)] = Field(
        ("bearer", "cookie"),
        min_length=1,
        description="How clients may send their session: bearer, cookie or both. The first is the default.",
    )
    cookies_over_http: bool = Field(
        default=False,
        description="For development only: set cookies without Secure, under another name. On in development.",
    )
    allowed_origins: Names = Field(
        (), description="Origins of other sites whose pages may send requests here, such as https://app.example.com."
    )
    allowed_hosts: Names = Field(
        (), description="Host names that the service answers to, besides the host of public_url."
    )
    trusted_proxies: Annotated[
        tuple[Annotated[forwarded.Proxy, forwarded.IS_PROXY], ...], NoDecode, BeforeValidator(_split)
    ] = Field((), description="Networks of proxies whose X-Forwarded-For is trusted. unix: every Unix socket.")
    token_route: bool = Field(
        default=False, description="Enable POST /token for the Authorize button of /docs. On in development."
    )
    api_docs: bool = Field(default=False, description="Serve /docs and /openapi.json. On in development.")
    problem_url: str | None = Field(
        None,
        description="Base URL of problem types, such as https://example.com/problems/. Unset: a URN.",
    )
    hashing: Hashing = Field(Hashing(), description="How passwords are hashed.")
    throttle: Throttle = Field(Throttle(), description="Rate limits and lockout.")
    session_check: str = Field(
        "feed",
        pattern="^(feed|strict)$",
        description="feed: workers cache sessions, and changes arrive within a second. strict: no cache.",
    )
    sessions_per_account: int = Field(
        50, ge=1, description="Maximum number of active sessions per account. One more ends the oldest."
    )
    session_memory: int = Field(
        10_000, ge=0, description="Number of sessions that each worker caches, about 4 kB each."
    )
    session_idle: timedelta = Field(timedelta(days=7), description="A session that is not used for this long ends.")
    session_absolute: timedelta = Field(timedelta(days=30), description="Maximum lifetime of a session.")
    access_lifetime: timedelta = Field(timedelta(minutes=5), description="Lifetime of an access token.")
    refresh_grace: timedelta = Field(
        timedelta(seconds=10),
        description="For this long, a repeated refresh returns the same tokens, in case the response was lost.",
    )
    device_lifetime: timedelta = Field(
        timedelta(days=90), description="How long a browser that has signed in stays a known browser."
    )
    login_lifetime: timedelta = Field(timedelta(minutes=10), description="Time to complete all steps of a login.")
    verify_lifetime: timedelta = Field(timedelta(hours=24), description="Lifetime of an address verification link.")
    confirm_lifetime: timedelta = Field(
        timedelta(minutes=30), description="Lifetime of a link that confirms a new address."
    )
    undo_lifetime: timedelta = Field(
        timedelta(hours=72), description="Lifetime of a link that undoes a change of address."
    )
    unverified_lifetime: timedelta = Field(
        timedelta(days=7), description="Accounts with an unverified address are purged after this time."
    )
    code_lifetime: timedelta = Field(timedelta(minutes=10), description="Lifetime of a six-digit code sent by mail.")
    request_deadline: timedelta = Field(
        timedelta(seconds=5), description="A request that takes longer gets a 503 response."
    )
    drain: timedelta = Field(
        timedelta(0),
        description="After SIGTERM, /health/ready reports 503 and the service keeps answering for this long.",
    )
    retention: timedelta = Field(
        timedelta(days=90), description="How long ended sessions and events are kept before they are purged."
    )

    @model_validator(mode="before")
    @classmethod
    def _by_profile(cls, given: dict[str, Any]) -> dict[str, Any]:
        on_sqlite = str(given.get("database", SQLITE)).startswith("sqlite")
        given.setdefault("profile", Profile.DEVELOPMENT if on_sqlite else Profile.PRODUCTION)
        match given["profile"]:
            case Profile.DEVELOPMENT:
                convenient = {"cookies_over_http": True, "token_route": True, "api_docs": True, "mail": "console:"}
                here = os.environ.get("FAM_AUTH_DEVELOPMENT_URL", "http://127.0.0.1:8000")
                return {**convenient, "public_url": here, **given}
            case Profile.STRICT:
                return {**cls.strict, **given}
            case _:
                return given

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        parts = hosts.split(url) if url else None
        if url and (parts is None or re.search(r"[?#]", parts[1])):
            raise ValueError("must be a URL such as https://example.com")
        return None if parts is None else "".join(parts).rstrip("/")

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        # What is none stays as it is, for `check` to name.
        return tuple(hosts.origin(origin) or origin for origin in origins)

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [hosts.canonical(name) for name in names]
        if None in known:
            raise ValueError("must be host names without ports, such as auth.internal")
        return tuple(name for name in known if name is not None)

    @field_validator("mail_from")
    @classmethod
    def _is_one_sender(cls, text: str | None) -> str | None:
        if text:
            try:
                sender(text)
            except ValueError as error:
                raise ValueError(
                    "must be exactly one address, such as no-reply@example.com or Acme, Inc. <no-reply@example.com>"
                ) from error
        return text or None

    @property
    def is_development(self) -> bool:
        """Whether this is a developer's machine."""
        return self.profile is Profile.DEVELOPMENT

    @property
    def host(self) -> str:
        """The host of our public address, as hosts are compared."""
        return hosts.named((self.public_url or "").partition("://")[2].partition("/")[0]) or "localhost"

    @property
    def mail_host(self) -> str:
        """The same in the letters of its people: what a password must not be made of."""
        return hosts.readable(self.host)

    @property
    def mail_domain(self) -> str:
        """What stands behind the @ of our own addresses and message ids."""
        return hosts.behind_at(self.host)

    @property
    def sender(self) -> Sender:
        """Who mails are from: FAM_AUTH_MAIL_FROM, else the application at the host of our public address."""
        return sender(self.mail_from) if self.mail_from else Sender(self.app_name, f"no-reply@{self.mail_domain}")

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are `__Host-` and Secure: always, but for the development switch on plain http."""
        return not (self.cookies_over_http and (self.public_url or "").startswith("http://"))


def reads_dotenv() -> bool:
    """Whether `.env` counts: in development only."""
    return os.environ.get("FAM_AUTH_PROFILE", Profile.DEVELOPMENT) == Profile.DEVELOPMENT
