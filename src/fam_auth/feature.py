"""The base class of features: settings, routes, tables, pages, and the hooks that fam-auth calls."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from pydantic import PrivateAttr

from fam_auth.core.settings import PREFIX, Configured, Settings
from fam_auth.events import Event
from fam_auth.exceptions import Misconfigured
from fam_auth.models import Base
from fam_auth.pipeline import Attempt, Offer, Progress, Step, remaining_steps
from fam_auth.values import Kind, Proof, User

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlalchemy.ext.asyncio import AsyncSession

    from fam_auth.auth import Auth

__all__ = ["Entry", "Feature", "Kind", "Offer", "Pages", "Progress", "Proof", "Step"]

RENAMED = {"Try": Attempt, "lacking": remaining_steps}
"""Deprecated names that still work, with a DeprecationWarning."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name has a type of its own
    if name not in RENAMED:
        raise AttributeError(name)
    now: Any = RENAMED[name]
    warnings.warn(f"{name} is fam_auth.pipeline.{now.__name__} now", DeprecationWarning, stacklevel=2)
    return now


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in a menu of the hosted pages: its path, the key of its text, the name of its icon.

    Entries of the administration with a `permission` are shown only to users who have it.
    """

    path: str
    text: str
    icon: str = ""
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """The hosted pages of a feature.

    - `templates`: the folder of its templates, which are named `<feature>/...`.
    - `entries`: menu entries of the account; `doors`: links below the sign-in form.
    - `steps`: the path of the page for each login step; a second factor is the step `second_factor/<method>`.
    - `way`: the template of a form that begins a login; `again`: of one that begins a step-up; `takeover`: of one with
      which the owner of a mailbox takes over an account that another person registered with their address.
    - `administration`: menu entries for administrators; `about_user`: entries on the page of one user, with paths
      relative to `/admin/users/<id>`.
    """

    routers: "Sequence[APIRouter]"
    templates: Path
    entries: tuple[Entry, ...] = ()
    doors: tuple[Entry, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    way: str | None = None
    again: str | None = None
    takeover: str | None = None
    administration: tuple[Entry, ...] = ()
    about_user: tuple[Entry, ...] = ()


class Feature(Configured):
    """Base class of a feature. Its fields are settings, read from FAM_AUTH_<NAME>__<FIELD> in the environment.

    Class variables declare what the feature brings. The methods are hooks; override those you need. An exception in a
    hook ends the login: a fault never lets it through.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[type[Base], ...]] = ()
    migrations: ClassVar[Path | None] = None
    router: "ClassVar[APIRouter | None]" = None
    ways: ClassVar[tuple[str, ...]] = ()
    """The sign-in methods that can begin a login."""
    mails: ClassVar[Path | None] = None
    """The folder of the feature's mail templates."""
    languages: ClassVar[Path | None] = None
    """The folder of the feature's message files, one for each language (core/languages.py)."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.model_config["env_prefix"] = f"{PREFIX}{cls.name.upper()}__"

    _auth: "Auth | None" = PrivateAttr(None)

    @property
    def auth(self) -> "Auth":
        """The Auth that this instance belongs to. Raises Misconfigured when it belongs to none yet."""
        if self._auth is None:
            raise Misconfigured(
                f"{type(self).__name__}() is not part of an Auth yet. Use the instance that auth.of(...) returns."
            )
        return self._auth

    def of(self, auth: "Auth") -> Self:
        """Attach this instance to an Auth, and return it."""
        self._auth = auth
        return self

    def routers(self, settings: Settings) -> "Sequence[APIRouter]":
        """The routers to mount, given the kernel's settings."""
        return () if self.router is None else (self.router,)

    def pages(self, settings: Settings) -> Pages | None:
        """The hosted pages, given the kernel's settings; None for a feature without pages."""
        return None

    def public(self) -> Mapping[str, Any]:
        """What `GET /config` tells front ends about this feature. Anyone can read it."""
        return {}

    async def start(self, auth: "Auth") -> None:
        """Called once before the first request, when the schema is up to date. May raise Misconfigured."""

    async def guard(self, auth: "Auth", tried: Attempt) -> None:
        """Called before a password or code is checked. Raise a Refusal, such as TooManyAttempts, to reject it."""

    async def offers(self, auth: "Auth", db: "AsyncSession", progress: Progress) -> Sequence[Offer]:
        """The second factors that this user has or must have. Called after every factor of a login."""
        return ()

    async def step(self, auth: "Auth", db: "AsyncSession", progress: Progress) -> Step | None:
        """A step that the user must take before the session is created; None for none. Called after every factor."""
        return None

    async def claims(self, auth: "Auth", db: "AsyncSession", user: User) -> Mapping[str, Any]:
        """Claims to add to the user's sessions.

        A claim named `until` (a datetime) says when the claims must be computed again; the earliest one counts.
        """
        return {}

    async def registration_of(self, auth: "Auth", user_id: UUID, password: str) -> UUID | None:
        """The pending registration of this account that was made with this password; None when there is none."""
        return None

    async def permit(self, auth: "Auth", db: "AsyncSession", deed: Event) -> None:
        """Called at the beginning of a transaction that changes a user's account, before the user's row is locked.

        `deed` is the event that will be recorded: its kind, the user and the actor. Raise a Refusal to forbid the
        change. Locks that must come before the user's are taken here; in another order, two transactions could
        deadlock.
        """

    async def heard(self, auth: "Auth", db: "AsyncSession", event: Event, subject: UUID | None) -> None:
        """Called for every event, inside its transaction `db`. An exception rolls back what the event reports.

        `subject` is the id of the registration that the event concerns, or None.
        """
