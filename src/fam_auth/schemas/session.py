"""Bodies of sessions, tokens and events."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field

from fam_auth.schemas.base import Answer, Body
from fam_auth.values import Session

Item = TypeVar("Item")


class ProofAnswer(Answer):
    """An authentication factor that the user presented."""

    method: str = Field(examples=["password"])
    at: datetime


class SessionAnswer(Answer):
    """The current session."""

    id: UUID
    assurance: str = Field(description="aal1: one factor; aal2: two factors.", examples=["aal1"])
    proofs: list[ProofAnswer]
    created_at: datetime
    expires_at: datetime = Field(description="Absolute end of the session; it ends earlier when idle.")
    claims: dict[str, Any] = Field(description="Claims added by features, such as roles.", examples=[{}])


class SessionItem(Answer):
    """A session in a list."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    transport: str = Field(examples=["bearer"])
    client: str | None = Field(description="User agent of the client.", examples=["curl/8.5"])
    address: str | None = Field(examples=["192.0.2.7"])
    assurance: str = Field(examples=["aal1"])
    current: bool = Field(description="Whether it is the session of this request.")

    @classmethod
    def of(cls, session: Session, current: UUID) -> "SessionItem":
        """The list item of a session. `current` is the id of the session of the request."""
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_seen_at=session.seen_at,
            expires_at=session.expires_at,
            transport=session.transport,
            client=session.agent,
            address=session.address,
            assurance=session.assurance,
            current=session.id == current,
        )


class EventItem(Answer):
    """Something that happened to the user's account."""

    id: UUID
    at: datetime
    kind: str = Field(examples=["session.started"])
    outcome: str = Field(examples=["success"])
    session_id: UUID | None
    address: str | None = Field(
        description="Network address; null if unknown, or if an administrator did it.", examples=["192.0.2.7"]
    )
    client: str | None = Field(description="User agent of the client.", validation_alias="agent", examples=["curl/8.5"])
    detail: dict[str, Any] = Field(examples=[{}])


class JournalItem(EventItem):
    """An event of the audit log, as administrators see it."""

    user_id: UUID | None = Field(description="The user it concerns; null if there is none.")
    actor_id: UUID | None = Field(description="The user who did it; null if not signed in.")
    request_id: str | None = Field(examples=["0197f0c2a1b34c5d"])


class PageAnswer(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="Send it as `after` to get the next page; null on the last page.")


class TokensAnswer(Answer):
    """The tokens of a bearer client. Both are opaque: do not parse them."""

    access_token: str = Field(examples=["fams_9cQ..."])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - RFC 6750's word
    expires_in: int = Field(description="Lifetime of the access token in seconds.", examples=[300])
    refresh_token: str = Field(examples=["famr_Xw2..."])


class Refresh(Body):
    """The refresh token. Clients of the cookie transport send no body."""

    model_config = ConfigDict(json_schema_extra={"example": {"refresh_token": "famr_Xw2..."}})

    refresh_token: str = Field(max_length=500)
