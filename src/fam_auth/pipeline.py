"""The values of the login pipeline: an attempt, how far the login has come, and what it still needs."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fam_auth.exceptions import Forbidden, Message
from fam_auth.values import Client, Proof, Session, Tokens, Transport, User, Visit


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, before it is checked. `account` is the canonical address, whether or not it has a user."""

    method: str
    account: str
    visit: Visit


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a login has come: which user, by which factors, over which transport.

    `steps_up` is the id of the session that a step-up strengthens; None when the login creates a new session. `device`
    is the id that the browser or program keeps; `is_known_device` is true if this account signed in from it before.
    """

    user: User
    proofs: tuple[Proof, ...]
    transport: Transport
    client: Client
    steps_up: UUID | None = None
    device: str = ""
    is_known_device: bool = False

    @property
    def raises(self) -> UUID | None:
        """The earlier name of `steps_up`."""
        warnings.warn("Progress.raises is Progress.steps_up now", DeprecationWarning, stacklevel=2)
        return self.steps_up


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor that the user has (`available`) or must have (`demanded`). `detail` is sent to the client."""

    method: str
    available: bool = True
    demanded: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that the login still requires. `detail` is sent to the client together with the name."""

    name: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Complete:
    """The login is complete, and the session exists. Either `tokens` (bearer) or `cookie` is set, by transport.

    A client that sends `device_token` with its next login is recognized as a known browser.
    """

    user: User
    session: Session
    tokens: Tokens | None
    cookie: str | None
    device_token: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The login is not complete: the remaining steps, and the token that the next step must present."""

    login_token: str
    transport: Transport
    expires_at: datetime
    next: tuple[Step, ...]


Outcome = Complete | Incomplete


def remaining_steps(proofs: Sequence[Proof], offers: Sequence[Offer], steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that a login still requires, in the order in which to take them; empty when it is complete.

    A user who has second factors must use one of them, whatever the first factor was. Raises Forbidden when a second
    factor is required, the user has none, and no step enrolls one.
    """
    available = [offer for offer in offers if offer.available]
    if {proof.method for proof in proofs} & {offer.method for offer in available}:
        return tuple(steps)
    if available:
        methods = [{"method": offer.method, **offer.detail} for offer in available]
        return (Step("second_factor", {"methods": methods}), *steps)
    # Refuse rather than let the login through: otherwise a demanded factor that is missing would count for nothing.
    if any(offer.demanded for offer in offers) and not steps:
        raise Forbidden(Message("details.no_second_factor"))
    return tuple(steps)
