"""The values of the login pipeline: an attempt, how far the login has come, and what it still needs."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fam_auth.exceptions import Forbidden, Said
from fam_auth.values import Client, Proof, Session, Tokens, Transport, User, Visit


@dataclass(frozen=True, slots=True)
class Attempt:
    """A proof about to be judged. `account` is the canonical address it is for, known here or not."""

    method: str
    account: str
    visit: Visit


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a login has come: who, by which proofs, over which transport.

    `steps_up` is the session that a step-up is for; None: the login starts a session. `device` is the id of the browser
    or program, which keeps it; `is_known_device` is true if it has signed in to the account before.
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
    """A second factor this user has (`available`), or must have (`demanded`). `detail` goes to the client."""

    method: str
    available: bool = True
    demanded: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """Something a login still lacks. `detail` goes to the client beside the name."""

    name: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing is lacking: the session. `tokens` for the bearer transport, `cookie` for the other.

    `device_token` makes the device a known one at its next login.
    """

    user: User
    session: Session
    tokens: Tokens | None
    cookie: str | None
    device_token: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The login goes on: what is lacking, and the token for the next step."""

    login_token: str
    transport: Transport
    expires_at: datetime
    next: tuple[Step, ...]


Outcome = Complete | Incomplete


def remaining_steps(proofs: Sequence[Proof], offers: Sequence[Offer], steps: Sequence[Step]) -> tuple[Step, ...]:
    """What a login needs before its session, in the order to give it; empty when nothing.

    A user with second factors gives one of them, whatever the first proof was. A demanded factor that nobody can give
    raises Forbidden, unless a step leads to it.
    """
    available = [offer for offer in offers if offer.available]
    if {proof.method for proof in proofs} & {offer.method for offer in available}:
        return tuple(steps)
    if available:
        methods = [{"method": offer.method, **offer.detail} for offer in available]
        return (Step("second_factor", {"methods": methods}), *steps)
    if any(offer.demanded for offer in offers) and not steps:
        raise Forbidden(Said("details.no_second_factor"))
    return tuple(steps)
