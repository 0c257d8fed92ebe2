"""What a feature can bring to fam-auth: settings, routes, tables, and the hooks by which it takes part."""

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
"""Old names that still work, with a warning."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name has a type of its own
    if name not in RENAMED:
        raise AttributeError(name)
    now: Any = RENAMED[name]
    warnings.warn(f"{name} is fam_auth.pipeline.{now.__name__} now", DeprecationWarning, stacklevel=2)
    return now


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in a navigation of the hosted pages: its path, the key of its text, the name of its icon.

    `permission` is what it takes to see it, in the administration; empty: nothing.
    """

    path: str
    text: str
    icon: str = ""
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """The hosted pages of a feature.

    `templates` is their folder; templates are named `<feature>/...`. `entries` go into the navigation of the account,
    `doors` are links below the form of signing in. `steps` says on which path a step of a login is taken; a second
    factor is the step `second_factor/<method>`. `way` is the template of a form that begins a login, `again` of one
    that begins a step-up, `takeover` of one by which the owner of a mailbox takes over a registration of
    somebody else; None without. `administration` are places of administrators, `about_user` what they see of
    one user, by paths behind `/admin/users/<id>`.
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
    """One feature. The instance is its configuration: fields are settings, FAM_AUTH_<NAME>__<FIELD> in the environment.

    The class says what the feature brings; the methods below are where it listens. A method that raises ends the login.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[type[Base], ...]] = ()
    migrations: ClassVar[Path | None] = None
    router: "ClassVar[APIRouter | None]" = None
    ways: ClassVar[tuple[str, ...]] = ()
    """The methods of proofs that a login can begin with."""
    mails: ClassVar[Path | None] = None
    """The folder of the templates of the feature's mails."""
    languages: ClassVar[Path | None] = None
    """The folder of the feature's message files: what it says to people, in each language (core/languages.py)."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.model_config["env_prefix"] = f"{PREFIX}{cls.name.upper()}__"

    _auth: "Auth | None" = PrivateAttr(None)

    @property
    def auth(self) -> "Auth":
        """The Auth that this instance is part of. Raises Misconfigured before it is part of one."""
        if self._auth is None:
            raise Misconfigured(
                f"{type(self).__name__}() is not part of an Auth yet. Use the instance that auth.of(...) returns."
            )
        return self._auth

    def of(self, auth: "Auth") -> Self:
        """The same as part of an Auth."""
        self._auth = auth
        return self

    def routers(self, settings: Settings) -> "Sequence[APIRouter]":
        """The routes to mount under these settings of the kernel."""
        return () if self.router is None else (self.router,)

    def pages(self, settings: Settings) -> Pages | None:
        """The hosted pages under these settings of the kernel; None without any."""
        return None

    def public(self) -> Mapping[str, Any]:
        """What GET /config tells a front end about this feature."""
        return {}

    async def start(self, auth: "Auth") -> None:
        """Asked once before the first request, on a database that is up to date. Raises Misconfigured."""

    async def guard(self, auth: "Auth", tried: Attempt) -> None:
        """Asked before a proof is judged; raises a refusal when it may not be tried at all."""

    async def offers(self, auth: "Auth", db: "AsyncSession", progress: Progress) -> Sequence[Offer]:
        """Which second factors this user has or must have."""
        return ()

    async def step(self, auth: "Auth", db: "AsyncSession", progress: Progress) -> Step | None:
        """What must happen before the session; None when nothing."""
        return None

    async def claims(self, auth: "Auth", db: "AsyncSession", user: User) -> Mapping[str, Any]:
        """What to add to the claims of the user's sessions.

        A claim named `until` (a datetime) is the moment from which they have to be asked for anew; the earliest counts.
        """
        return {}

    async def registration_of(self, auth: "Auth", user_id: UUID, password: str) -> UUID | None:
        """The registration that waits for this account and was made with this password; None when there is none."""
        return None

    async def permit(self, auth: "Auth", db: "AsyncSession", deed: Event) -> None:
        """Asked first in the transaction `db` of what is done to a user's account, before the user is locked.

        `deed` is the event to be: its kind, whose account it is, and who acts. Takes the locks that come before the
        user's, and raises a refusal when it may not be done.
        """

    async def heard(self, auth: "Auth", db: "AsyncSession", event: Event, subject: UUID | None) -> None:
        """Something happened, in the transaction `db`; `subject` is the registration that it is about, if it is."""
