"""The tables of the kernel."""

from fam_auth.models.attempt import Attempt
from fam_auth.models.base import DIES, KEYED, SEALED, SECRET, Base
from fam_auth.models.change import Change
from fam_auth.models.email import Email
from fam_auth.models.event import Event
from fam_auth.models.login import Login
from fam_auth.models.one_time_token import OneTimeToken
from fam_auth.models.outbox import Outbox
from fam_auth.models.registration import Registration
from fam_auth.models.session import Session
from fam_auth.models.user import User

KERNEL: tuple[type[Base], ...] = (
    User,
    Email,
    Registration,
    Session,
    Login,
    OneTimeToken,
    Attempt,
    Event,
    Outbox,
    Change,
)

__all__ = [
    "DIES",
    "KERNEL",
    "KEYED",
    "SEALED",
    "SECRET",
    "Attempt",
    "Base",
    "Change",
    "Email",
    "Event",
    "Login",
    "OneTimeToken",
    "Outbox",
    "Registration",
    "Session",
    "User",
]
