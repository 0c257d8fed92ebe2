"""The values that layers pass to each other: frozen, complete, and independent of the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, Self, TypeVar
from uuid import UUID

Transport = Literal["bearer", "cookie"]


class HasId(Protocol):
    """Anything with a sortable id (UUID version 7)."""

    @property
    def id(self) -> UUID: ...


Item = TypeVar("Item", bound=HasId)


class Kind(StrEnum):
    """The type of an authentication factor (NIST SP 800-63B-4, 2). Two factors must be of two different types."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"


@dataclass(frozen=True, slots=True)
class Proof:
    """An authentication factor that a user presented, and when. `method` is a value of `amr` (RFC 8176)."""

    method: str
    kind: Kind
    at: datetime

    def as_json(self) -> dict[str, str]:
        """The form that the session row stores."""
        return {"method": self.method, "kind": self.kind.value, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> "Proof":
        """The inverse of `as_json`."""
        return cls(stored["method"], Kind(stored["kind"]), datetime.fromisoformat(stored["at"]))


def assurance(proofs: tuple[Proof, ...]) -> str:
    """`aal2` when the factors are of two different types, else `aal1` (NIST SP 800-63B-4, 2)."""
    return "aal2" if len({proof.kind for proof in proofs}) > 1 else "aal1"


@dataclass(frozen=True, slots=True)
class User:
    """A user account. `key` is your application's own id for the user; None when it has none.

    With `suspended_at` set, `suspended_until` None means until restored. `demands` are steps that the next login must
    take, such as `change_password`.
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
    """A session, as a request knows it without a query.

    `expires_at` is the absolute end; an idle session ends earlier. `generation` numbers the access token that is valid
    now: a step-up increments it, which invalidates older tokens. From `claims_until` on, the claims must be computed
    again; None means they hold until something changes.
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
        """The assurance level of the session: `aal1` or `aal2`."""
        return assurance(self.proofs)

    @property
    def proved_at(self) -> datetime:
        """When the user last presented an authentication factor in this session."""
        return max(proof.at for proof in self.proofs)


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that features add to a user's sessions, valid until `until` (None: until something changes)."""

    held: Mapping[str, Any]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a bearer client; both are opaque to it. `expires_in` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Client:
    """The sender of a request: network address (None when unknown), user agent and request id.

    `language` is the available language that matches Accept-Language best; None when the header is missing.
    """

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on an account: the client, the user and the session.

    `user_id` None means that no user is signed in, such as an operator at the command line. `judge` raises the route's
    Refusal when a session does not meet its demands. Code that had to wait for a lock calls it again, because the
    session may have lost a role in the meantime.
    """

    client: Client
    user_id: UUID | None = None
    session_id: UUID | None = None
    judge: "Callable[[Session], None] | None" = field(default=None, compare=False, repr=False)

    def shown_to(self, user_id: UUID) -> Client:
        """The client, without address and user agent unless this user is the actor: administrators stay unknown."""
        return self.client if self.user_id in {None, user_id} else replace(self.client, address=None, agent=None)


@dataclass(frozen=True, slots=True)
class Visit:
    """The context of a sign-in: who sends it, over which transport the session will travel, and earlier tokens.

    `login_token` belongs to a login in progress; `device_token` was issued by an earlier login. None when not sent.
    """

    client: Client
    transport: Transport
    login_token: str | None = None
    device_token: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationProof:
    """What shows that the person verifying an address is the one who registered it; any one of the three is enough.

    `token` comes from the response to the registration. `login_of` is the user who is signed in, or who has passed the
    first factor of a login in progress.
    """

    token: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    login_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter for events. None does not filter; `since` is inclusive, `until` exclusive."""

    user_id: UUID | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list. `next` is the cursor of the next page, None on the last one."""

    items: list[Item] = field(default_factory=list)
    next: str | None = None

    @classmethod
    def of(cls, found: list[Item], limit: int) -> Self:
        """A page of at most `limit` items. Pass `limit + 1` items if there are more: the extra one sets `next`."""
        shown = found[:limit]
        return cls(shown, str(shown[-1].id) if len(found) > limit else None)
