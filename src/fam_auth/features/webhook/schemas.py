"""The body of a webhook."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fam_auth.events import Event, Outcome
from fam_auth.values import User


class Person(BaseModel):
    """The user of an event, as of the moment of sending."""

    model_config = ConfigDict(from_attributes=True)

    email: str
    name: str | None
    locale: str | None


class Personal(BaseModel):
    """Personal data, for endpoints with `personal`; `user` is null if the user was deleted."""

    user: Person | None
    address: str | None
    agent: str | None
    detail: dict[str, Any]


class Told(BaseModel):
    """The event's ids and outcome, without personal data."""

    user_id: UUID | None
    session_id: UUID | None
    actor_id: UUID | None
    outcome: Outcome
    personal: Personal | None = None


class Message(BaseModel):
    """One event, in the shape that Standard Webhooks recommends."""

    type: str
    timestamp: datetime
    data: Told

    def as_bytes(self) -> bytes:
        """The body as JSON; without `personal`, the member is left out."""
        return self.model_dump_json(exclude={"data": {"personal"}} if self.data.personal is None else None).encode()


def message(event: Event) -> Message:
    """The message of an event, without personal data."""
    told = Told(user_id=event.user_id, session_id=event.session_id, actor_id=event.actor_id, outcome=event.outcome)
    return Message(type=event.kind, timestamp=event.at, data=told)


def personal(event: Event, user: User | None) -> Personal:
    """The personal data of an event."""
    person = None if user is None else Person.model_validate(user)
    client = event.client
    return Personal(user=person, address=client.address, agent=client.agent, detail=dict(event.detail))
