"""What happened, as values of their own types: what `auth.on` and `auth.after` are given, and what they are asked for.

A class stands for its kind and those that derive from it: `Event` for everything, `UserEvent` for all that concerns a
user. An event of a feature of yours is a class of yours: `class PagerLost(UserEvent, kind="pager.lost")`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from fam_auth.core.events import Event as Recorded
from fam_auth.core.events import EventKind, Outcome
from fam_auth.exceptions import Misconfigured
from fam_auth.values import Client

_CLASSES: dict[str, "type[Event]"] = {}
Fields = TypeVar("Fields", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened. `id` is the one of the journal: the same at every try of what follows from it.

    `user_id` is whom it concerns, `actor_id` who did it; None: nobody known. `detail` has no secret and no address.
    """

    id: UUID
    kind: str
    at: datetime
    user_id: UUID | None
    session_id: UUID | None
    actor_id: UUID | None
    outcome: Outcome
    client: Client
    detail: Mapping[str, Any]

    def __init_subclass__(cls, *, kind: str | None = None) -> None:
        if kind is not None:
            _CLASSES[str(kind)] = cls


@dataclass(frozen=True, kw_only=True)
class UserEvent(Event):
    """One thing that happened to a user."""

    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserRegistered(UserEvent, kind=EventKind.USER_REGISTERED):
    """Somebody registered an account."""

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


class UserRegistrationRepeated(UserEvent, kind=EventKind.USER_REGISTRATION_REPEATED):
    """Somebody registered an address again."""


class UserRegistrationDisowned(UserEvent, kind=EventKind.USER_REGISTRATION_DISOWNED):
    """The owner of the mailbox said that one of several registrations was not theirs; it is gone."""


class UserCreated(UserEvent, kind=EventKind.USER_CREATED):
    """A host or an operator made a user."""


class UserAdopted(UserEvent, kind=EventKind.USER_ADOPTED):
    """A user of another application was taken over, with their password."""


class UserInvited(UserEvent, kind=EventKind.USER_INVITED):
    """An administrator invited somebody."""


class UserClaimed(UserEvent, kind=EventKind.USER_CLAIMED):
    """The owner of a mailbox came to an account that somebody else had made for it; what was set before is gone."""


class UserUpdated(UserEvent, kind=EventKind.USER_UPDATED):
    """Name or language were changed."""


class UserSuspended(UserEvent, kind=EventKind.USER_SUSPENDED):
    """An administrator suspended the user."""


class UserRestored(UserEvent, kind=EventKind.USER_RESTORED):
    """An administrator lifted a suspension."""


class UserExported(UserEvent, kind=EventKind.USER_EXPORTED):
    """The user's data was exported, by the user or by the administrator in `actor_id`."""


class UserDeleted(UserEvent, kind=EventKind.USER_DELETED):
    """The account is gone. Earlier events of it keep kind, time and bare ids."""


class EmailVerificationSent(UserEvent, kind=EventKind.EMAIL_VERIFICATION_SENT):
    """A verification mail was sent again."""


class EmailVerified(UserEvent, kind=EventKind.EMAIL_VERIFIED):
    """The address was proved."""


class EmailChangeRequested(UserEvent, kind=EventKind.EMAIL_CHANGE_REQUESTED):
    """A change of the address was asked for; both addresses got a mail."""


class EmailChanged(UserEvent, kind=EventKind.EMAIL_CHANGED):
    """The address was changed."""


class EmailChangeUndone(UserEvent, kind=EventKind.EMAIL_CHANGE_UNDONE):
    """The way back to the old address was taken."""


class EmailVerificationFailed(Event, kind=EventKind.EMAIL_VERIFICATION_FAILED):
    """A code of a verification mail was wrong."""


class PasswordChanged(UserEvent, kind=EventKind.PASSWORD_CHANGED):
    """The user set a new password."""


class PasswordResetRequested(UserEvent, kind=EventKind.PASSWORD_RESET_REQUESTED):
    """A link for a new password was mailed."""


class PasswordReset(UserEvent, kind=EventKind.PASSWORD_RESET):
    """A new password was set by such a link."""


class PasswordLinkMade(UserEvent, kind=EventKind.PASSWORD_LINK_MADE):
    """An operator printed a link by which a new password can be set."""


class PasswordCompromised(UserEvent, kind=EventKind.PASSWORD_COMPROMISED):
    """An administrator marked the password as known to others."""


class BreachCheckFailed(Event, kind=EventKind.BREACH_CHECK_FAILED):
    """The range API did not answer, and the list of the package decided alone; `reason` says how. Once a minute."""


class SecondFactorAdded(UserEvent, kind=EventKind.SECOND_FACTOR_ADDED):
    """An authenticator was confirmed."""


class SecondFactorRemoved(UserEvent, kind=EventKind.SECOND_FACTOR_REMOVED):
    """An authenticator was removed; `reason` when an administrator did it."""


class SecondFactorFailed(UserEvent, kind=EventKind.SECOND_FACTOR_FAILED):
    """A second factor was wrong, after a right first one."""


class RecoveryCodesReplaced(UserEvent, kind=EventKind.RECOVERY_CODES_REPLACED):
    """New recovery codes; the old ones are dead."""


class RecoveryCodeUsed(UserEvent, kind=EventKind.RECOVERY_CODE_USED):
    """A recovery code was used up."""


class EmailCodeSent(UserEvent, kind=EventKind.EMAIL_CODE_SENT):
    """A code was mailed for a login."""


class BrowserTrusted(UserEvent, kind=EventKind.BROWSER_TRUSTED):
    """A browser was remembered."""


class RoleCreated(Event, kind=EventKind.ROLE_CREATED):
    """A role was defined; with what it consists of."""


class RoleChanged(Event, kind=EventKind.ROLE_CHANGED):
    """A role consists of something else; before and after."""


class RoleDeleted(Event, kind=EventKind.ROLE_DELETED):
    """A role is gone; with what it was."""


class RoleGranted(UserEvent, kind=EventKind.ROLE_GRANTED):
    """A user got a role; for what, until when, and what was before."""


class RoleRevoked(UserEvent, kind=EventKind.ROLE_REVOKED):
    """A role was taken from a user."""


class LoginStarted(UserEvent, kind=EventKind.LOGIN_STARTED):
    """A first proof was right, and something is still lacking."""


class LoginFailed(Event, kind=EventKind.LOGIN_FAILED):
    """A first proof was wrong."""


class LoginGuessed(UserEvent, kind=EventKind.LOGIN_GUESSED):
    """Ten in a row were; the owner got a mail."""


class LoginThrottled(Event, kind=EventKind.LOGIN_THROTTLED):
    """An attempt was refused without being judged."""


class SessionStarted(UserEvent, kind=EventKind.SESSION_STARTED):
    """Somebody signed in."""


class SessionSteppedUp(UserEvent, kind=EventKind.SESSION_STEPPED_UP):
    """A session rests on fresh proofs; its tokens of before are dead."""


class SessionEnded(UserEvent, kind=EventKind.SESSION_ENDED):
    """A session is over; `reason` says why."""


class SessionRefreshReused(UserEvent, kind=EventKind.SESSION_REFRESH_REUSED):
    """A refresh token came back after its successor: the session was ended."""


class MailFailed(Event, kind=EventKind.MAIL_FAILED):
    """A mail server refused a mail for good."""


class MailExpired(Event, kind=EventKind.MAIL_EXPIRED):
    """A mail was not sent in time, and not at all."""


def class_of(kind: str) -> type[Event]:
    """The class that stands for a kind; `Event` for one that nobody has made a class for."""
    return _CLASSES.get(str(kind), Event)


def known() -> list[str]:
    """The kinds that have a class."""
    return list(_CLASSES)


def typed(recorded: Recorded) -> Event:
    """The event as a value of its own type."""
    assert recorded.id is not None  # noqa: S101 - what is told of stands in the journal
    given = {} if recorded.given is None else {"given": recorded.given}
    return class_of(recorded.kind)(
        id=recorded.id,
        kind=str(recorded.kind),
        at=recorded.at,
        user_id=recorded.user_id,
        session_id=recorded.session_id,
        actor_id=recorded.actor_id,
        outcome=recorded.outcome,
        client=recorded.client,
        detail=recorded.detail,
        **given,
    )
