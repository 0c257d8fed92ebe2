"""The values that travel between the layers: frozen, complete, free of the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, Self, TypeVar
from uuid import UUID

Transport = Literal["bearer", "cookie"]


class HasId(Protocol):
    """Anything with an id that sorts."""

    @property
    def id(self) -> UUID: ...


Item = TypeVar("Item", bound=HasId)


class Kind(StrEnum):
    """What a proof rests on (NIST SP 800-63B-4, 2): two different kinds make two factors."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person has shown, and when: one entry of the session's `amr` (RFC 8176)."""

    method: str
    kind: Kind
    at: datetime

    def as_json(self) -> dict[str, str]:
        """The proof as the session row keeps it."""
        return {"method": self.method, "kind": self.kind.value, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> "Proof":
        """The proof that `as_json` wrote."""
        return cls(stored["method"], Kind(stored["kind"]), datetime.fromisoformat(stored["at"]))


def assurance(proofs: tuple[Proof, ...]) -> str:
    """`aal2` when the proofs rest on two different kinds, else `aal1` (NIST SP 800-63B-4, 2)."""
    return "aal2" if len({proof.kind for proof in proofs}) > 1 else "aal1"


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account. `key` is the host's own id for them; None when the host has none.

    `suspended_until` is None for a suspension that lasts until it is lifted. `demands` are steps that the next login
    has to take, such as `change_password`.
    """

    id: UUID
    email: str
    email_verified: bool
    name: str | None
    locale: str | None
    key: str | None
    created_at: datetime
    suspended_at: datetime | None
    suspended_until: datetime | None
    demands: tuple[str, ...] = ()

    def is_suspended(self, now: datetime) -> bool:
        """Whether the user may not sign in at this moment."""
        return self.suspended_at is not None and (self.suspended_until is None or self.suspended_until > now)


@dataclass(frozen=True, slots=True)
class Session:
    """What a signed-in request may know without asking the database.

    `expires_at` is the absolute end; an idle session ends earlier. `generation` is the number of the access
    token in force: a step-up raises it, and older tokens die. From `claims_until` on the claims are not to be believed;
    None: they hold until something changes.
    """

    id: UUID
    user_id: UUID
    transport: Transport
    proofs: tuple[Proof, ...]
    claims: Mapping[str, Any]
    generation: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None
    claims_until: datetime | None = None

    @property
    def assurance(self) -> str:
        """The assurance level of the proofs together."""
        return assurance(self.proofs)

    @property
    def proved_at(self) -> datetime:
        """When the newest of the proofs was given."""
        return max(proof.at for proof in self.proofs)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the features add to the sessions of a user; it holds until a moment (None: until something changes)."""

    held: Mapping[str, Any]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a bearer client gets: both tokens are opaque to it."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request: network address (None when unknown), user agent, request id.

    `language` is the one of ours that they asked for; None when they asked for none.
    """

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to an account: from where, as which user, and by which session.

    None: nobody signed in, such as an operator. `judge` raises what the route refuses with when a session does not meet
    what it demands: whatever waits for a lock asks it again.
    """

    client: Client
    user_id: UUID | None = None
    session_id: UUID | None = None
    judge: "Callable[[Session], None] | None" = field(default=None, compare=False, repr=False)

    def shown_to(self, user_id: UUID) -> Client:
        """The client as this user may know it: without address and user agent of somebody else who is signed in."""
        return self.client if self.user_id in {None, user_id} else replace(self.client, address=None, agent=None)


@dataclass(frozen=True, slots=True)
class Visit:
    """How somebody comes to sign in: who sends it, how the session shall travel, and what they have from before.

    `login_token` belongs to a login under way, `device_token` was given after an earlier login; None without.
    """

    client: Client
    transport: Transport
    login_token: str | None = None
    device_token: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationProof:
    """What somebody who verifies an address shows of their own registration; any of them will do.

    `token` is what the answer to the registration gave, `login_of` who is signed in, or has passed the first factor of
    a login under way.
    """

    token: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    login_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; None: whatever they are."""

    user_id: UUID | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; `next` is the cursor of the following one, None at the end."""

    items: list[Item] = field(default_factory=list)
    next: str | None = None

    @classmethod
    def of(cls, found: list[Item], limit: int) -> Self:
        """At most `limit` of what was found; one more among it means that another page follows."""
        shown = found[:limit]
        return cls(shown, str(shown[-1].id) if len(found) > limit else None)
