"""What travels to an endpoint."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fam_auth.events import Event, Outcome
from fam_auth.values import User


class Person(BaseModel):
    """Whom an event concerns, as they are when it is sent."""

    model_config = ConfigDict(from_attributes=True)

    email: str
    name: str | None
    locale: str | None


class Personal(BaseModel):
    """What an endpoint gets that is trusted with more than ids; `user` is null when they are gone."""

    user: Person | None
    address: str | None
    agent: str | None
    detail: dict[str, Any]


class Told(BaseModel):
    """Who and how, by ids that mean nothing elsewhere."""

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
        """The body; what an endpoint is not trusted with is not even empty there."""
        return self.model_dump_json(exclude={"data": {"personal"}} if self.data.personal is None else None).encode()


def message(event: Event) -> Message:
    """What every endpoint may know of an event."""
    told = Told(user_id=event.user_id, session_id=event.session_id, actor_id=event.actor_id, outcome=event.outcome)
    return Message(type=event.kind, timestamp=event.at, data=told)


def personal(event: Event, user: User | None) -> Personal:
    """What else there is to know."""
    person = None if user is None else Person.model_validate(user)
    client = event.client
    return Personal(user=person, address=client.address, agent=client.agent, detail=dict(event.detail))
