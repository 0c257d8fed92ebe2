"""The catalogue of security events: what happened, never with a secret or an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from fam_auth.values import Client

Outcome = Literal["success", "failure"]
NOBODY = Client()


class EventKind(StrEnum):
    """Everything the kernel and its features record. A feature of somebody else names its own as `feature.what`."""

    USER_REGISTERED = "user.registered"
    USER_REGISTRATION_REPEATED = "user.registration_repeated"
    USER_REGISTRATION_DISOWNED = "user.registration_disowned"
    USER_CREATED = "user.created"
    USER_ADOPTED = "user.adopted"
    USER_INVITED = "user.invited"
    USER_CLAIMED = "user.claimed"
    USER_UPDATED = "user.updated"
    USER_SUSPENDED = "user.suspended"
    USER_RESTORED = "user.restored"
    USER_EXPORTED = "user.exported"
    USER_DELETED = "user.deleted"
    EMAIL_VERIFICATION_SENT = "email.verification_sent"
    EMAIL_VERIFIED = "email.verified"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    EMAIL_CHANGE_UNDONE = "email.change_undone"
    EMAIL_VERIFICATION_FAILED = "email.verification_failed"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"
    PASSWORD_RESET = "password.reset"
    PASSWORD_LINK_MADE = "password.link_made"
    PASSWORD_COMPROMISED = "password.compromised"
    BREACH_CHECK_FAILED = "password.breach_check_failed"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    RECOVERY_CODES_REPLACED = "second_factor.recovery_codes_replaced"
    RECOVERY_CODE_USED = "second_factor.recovery_code_used"
    EMAIL_CODE_SENT = "second_factor.email_code_sent"
    BROWSER_TRUSTED = "second_factor.browser_trusted"
    ROLE_CREATED = "role.created"
    ROLE_CHANGED = "role.changed"
    ROLE_DELETED = "role.deleted"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    LOGIN_STARTED = "login.started"
    LOGIN_FAILED = "login.failed"
    LOGIN_GUESSED = "login.guessed"
    LOGIN_THROTTLED = "login.throttled"
    SESSION_STARTED = "session.started"
    SESSION_STEPPED_UP = "session.stepped_up"
    SESSION_ENDED = "session.ended"
    SESSION_REFRESH_REUSED = "session.refresh_reused"
    MAIL_FAILED = "mail.failed"
    MAIL_EXPIRED = "mail.expired"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `user_id` is whom it concerns, `actor_id` who did it; None: nobody known.

    `id` is its line in the journal, given when it is written there. `given` is what somebody filled in when they
    registered, for those alone who listen in the same transaction: it is written nowhere.
    """

    kind: str
    at: datetime
    user_id: UUID | None = None
    session_id: UUID | None = None
    actor_id: UUID | None = None
    outcome: Outcome = "success"
    client: Client = NOBODY
    detail: Mapping[str, Any] = field(default_factory=dict)
    id: UUID | None = None
    given: object = field(default=None, repr=False)
