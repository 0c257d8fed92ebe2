"""Security events: one class for each kind of event, which also says what follows from it.

Features record these classes; `auth.on` and `auth.after` take them. A class stands for its subclasses too: `UserEvent`
for every event about a user, `Event` for every event. The events of a feature are in its own `events.py`. Declare yours
the same way: `class PagerLost(UserEvent, kind="pager.lost")`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from fam_auth.exceptions import Misconfigured
from fam_auth.values import Client

Outcome = Literal["success", "failure"]
Series = Literal["sign_ups", "sign_ins", "failures"]
Fields = TypeVar("Fields", bound=BaseModel)
NOBODY = Client()
FEATURES = "fam_auth.features."
_CLASSES: dict[str, "type[Event]"] = {}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - mypy takes the events that moved to their features for Any
    """The events of a feature were once declared here: finds them where the feature is loaded, with a warning."""
    for event in _CLASSES.values():
        if event.__name__ == name and event.__module__.startswith(FEATURES):
            warnings.warn(f"{name} is {event.__module__}.{name} now", DeprecationWarning, stacklevel=2)
            return event
    raise AttributeError(
        f"fam_auth.events has no {name}. Import the events of a feature from {FEATURES}<feature>.events."
    )


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Its class is the kind of event, and says what follows from events of this kind.

    `user_id` is the user it is about, `actor_id` the user who did it; None: unknown. `detail` contains no secret and no
    address. `id` identifies the event in the audit log and stays the same when an event job is retried; it is None
    until the event is recorded.
    """

    kind: ClassVar[str]
    """The name of the kind in the audit log, in logs, in webhooks and over HTTP."""
    invalidates: ClassVar[Literal["session", "user"] | None] = None
    """What every worker must read again: the session of the event, or all sessions of its user."""
    notifies: ClassVar[str] = ""
    """The mail that tells the user; empty: none. Some events send it only in the case that their docstring names."""
    changes_credentials: ClassVar[bool] = False
    """Whether what the user signs in with has changed, so that sign-ins based on the old credentials end."""
    forgets_known_browsers: ClassVar[bool] = False
    """Whether anyone who signed in before may not have been the owner, so that their browsers become unknown."""
    counts_as: ClassVar[Series | None] = None
    """The series of the administration's chart that counts the event."""
    is_alarming: ClassVar[bool] = False
    """Whether the pages mark the event as bad although its outcome is a success."""

    id: UUID | None = None
    at: datetime
    user_id: UUID | None = None
    session_id: UUID | None = None
    actor_id: UUID | None = None
    outcome: Outcome = "success"
    client: Client = NOBODY
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __init_subclass__(cls, *, kind: str | None = None) -> None:
        super().__init_subclass__()
        if kind is not None:
            cls.kind = str(kind)
            _CLASSES[cls.kind] = cls

    @property
    def invalidated(self) -> UUID | None:
        """The id of the session or user that every worker must read again; None: there is none."""
        ids = {None: None, "session": self.session_id, "user": self.user_id}
        return ids[self.invalidates]

    @property
    def extends_rights(self) -> bool:
        """Whether the user may do more than before; without `user_id`: whether several users may."""
        return False


@dataclass(frozen=True, kw_only=True)
class UserEvent(Event):
    """Something that happened to a user."""

    # field() without a default makes it required again.
    user_id: UUID = field()


@dataclass(frozen=True, kw_only=True)
class UserRegistered(UserEvent, kind="user.registered"):
    """A user registered.

    `given` contains the application's own fields. They are written nowhere: only `auth.on` gets them.
    """

    counts_as = "sign_ups"
    given: BaseModel | None = field(default=None, repr=False)

    def fields(self, kind: type[Fields]) -> Fields:
        """What they filled in, as `Auth(registration=kind)` asks for it; only inside of the transaction.

        Raises Misconfigured where there is nothing of this kind: in `auth.after`, which is given nothing personal.
        """
        if not isinstance(self.given, kind):
            raise Misconfigured(
                f"This event has no {kind.__name__}. Set Auth(registration={kind.__name__}), and read it in auth.on."
            )
        return self.given


class UserRegistrationRepeated(UserEvent, kind="user.registration_repeated"):
    """An address was registered again. A mail tells the owner unless the address still waits to be verified."""

    notifies = "already_registered"


class UserRegistrationDisowned(UserEvent, kind="user.registration_disowned"):
    """The owner of the mailbox disowned one of several registrations, which is deleted."""


class UserCreated(UserEvent, kind="user.created"):
    """An application or an operator created a user."""

    counts_as = "sign_ups"


class UserAdopted(UserEvent, kind="user.adopted"):
    """A user was imported from another application."""


class UserInvited(UserEvent, kind="user.invited"):
    """An administrator invited a user."""

    counts_as = "sign_ups"


class UserClaimed(UserEvent, kind="user.claimed"):
    """The owner of a mailbox took over an account that someone else created for it; its credentials are deleted."""

    invalidates = "user"
    changes_credentials = True
    forgets_known_browsers = True


class UserUpdated(UserEvent, kind="user.updated"):
    """The name or language changed."""

    invalidates = "user"


class UserSuspended(UserEvent, kind="user.suspended"):
    """An administrator suspended the user."""

    invalidates = "user"
    is_alarming = True


class UserRestored(UserEvent, kind="user.restored"):
    """An administrator lifted a suspension."""

    invalidates = "user"


class UserExported(UserEvent, kind="user.exported"):
    """The user's data was exported, by the user or by the administrator in `actor_id`."""


class UserDeleted(UserEvent, kind="user.deleted"):
    """The account was deleted. Its earlier events keep kind, time and ids."""

    invalidates = "user"
    notifies = "account_deleted"


class EmailVerificationSent(UserEvent, kind="email.verification_sent"):
    """A verification mail was sent again."""


class EmailVerified(UserEvent, kind="email.verified"):
    """The address was verified."""

    invalidates = "user"


class EmailChangeRequested(UserEvent, kind="email.change_requested"):
    """The user asked to change the address; both addresses got a mail."""


class EmailChanged(UserEvent, kind="email.changed"):
    """The address changed. A mail to each of both addresses tells the user."""

    invalidates = "user"
    notifies = "email_changed"
    changes_credentials = True


class EmailChangeUndone(UserEvent, kind="email.change_undone"):
    """The user undid a change of the address."""

    invalidates = "user"
    notifies = "email_change_undone"
    changes_credentials = True
    forgets_known_browsers = True


class EmailVerificationFailed(Event, kind="email.verification_failed"):
    """A code of a verification mail was wrong."""


class LoginStarted(UserEvent, kind="login.started"):
    """The first factor was right, and further steps remain."""


class LoginFailed(Event, kind="login.failed"):
    """The first factor was wrong."""

    counts_as = "failures"


class LoginGuessed(UserEvent, kind="login.guessed"):
    """The first factor was wrong ten times in a row."""

    notifies = "many_failures"
    is_alarming = True


class LoginThrottled(Event, kind="login.throttled"):
    """The rate limit refused an attempt before anything was checked."""

    counts_as = "failures"


class SessionStarted(UserEvent, kind="session.started"):
    """The user signed in. A mail tells them if the browser is new."""

    notifies = "new_device"
    counts_as = "sign_ins"


class SessionSteppedUp(UserEvent, kind="session.stepped_up"):
    """The user authenticated again in a session; its earlier tokens no longer work."""

    invalidates = "session"


class SessionEnded(UserEvent, kind="session.ended"):
    """A session ended; `reason` says why."""

    invalidates = "session"


class SessionRefreshReused(UserEvent, kind="session.refresh_reused"):
    """A refresh token was used again after its successor: the session was ended."""

    invalidates = "session"
    notifies = "refresh_reused"
    is_alarming = True


class MailFailed(Event, kind="mail.failed"):
    """A mail was given up: the mail server refused it for good, or every attempt failed until it expired."""


class MailExpired(Event, kind="mail.expired"):
    """A mail expired before any worker tried to send it."""


def class_of(kind: str) -> type[Event]:
    """The class of a kind. One that no loaded module declares, such as a removed feature's, gets a class of its own."""
    return _CLASSES.get(kind) or _undeclared(kind)


def known() -> Mapping[str, type[Event]]:
    """The classes of the kernel, of the loaded features and of the application, by kind."""
    return dict(_CLASSES)


@cache
def _undeclared(kind: str) -> type[Event]:
    return type("UndeclaredEvent", (Event,), {"kind": kind})
