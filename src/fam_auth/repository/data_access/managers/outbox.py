"""The outbox: mails, requests that must not reveal whether an account exists, and event jobs.

Rows are written in the transaction that causes them, encrypted, and processed by a worker (worker.py, event_jobs.py).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core.statements import Filled
from fam_auth.events import Event, class_of, known
from fam_auth.exceptions import FamAuthError, NotFound
from fam_auth.repository.data_access.managers.attempts import network_of
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.repository.data_access.queries import turns
from fam_auth.values import Client, Page

REQUEST = "request"
REQUEST_LIFETIME = timedelta(hours=1)
ERRAND_LIFETIME = timedelta(days=3)
LONGEST_PAUSE = timedelta(hours=1)


class Sealed(FamAuthError):
    """A row cannot be decrypted: its secret is no longer in FAM_AUTH_SECRETS."""

    def __init__(self) -> None:
        super().__init__("it is encrypted with a secret that is not in FAM_AUTH_SECRETS")


class UnknownRequest(FamAuthError):
    """A request is recorded as an event that no loaded feature declares: a worker with that feature can answer it."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"no loaded feature declares the event {kind}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to send: `kind` names the template, `context` fills it, and after `expires_at` it is no longer sent.

    `locale` is needed for a deleted user only: for all others the language is looked up when the mail is sent.
    """

    kind: str
    recipient: str
    context: Mapping[str, Any]
    expires_at: datetime
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request about an address, which a worker processes and records as an `event`.

    `user_id` and `session_id` are the user and the session that made it; None without a session. A request becomes void
    when its session ends.
    """

    event: type[Event]
    address: str
    client: Client
    user_id: UUID | None = None
    session_id: UUID | None = None


def post(
    auth: Auth,
    user_id: UUID | None,
    letter: Letter,
    client: Client,
    *,
    only_if: Filled | None = None,
) -> Filled:
    """The statement that puts a mail into the outbox. `user_id` is None for a user who is being deleted.

    It stores the language of the request, for a recipient who has not chosen one.
    """
    context = {**letter.context, "requested_at": auth.now().isoformat(), "requested_from": client.address}
    content = {
        "recipient": letter.recipient,
        "context": context,
        "locale": letter.locale,
        "language": client.language,
    }
    row = _sealed(auth, user_id, letter.kind, content, letter.expires_at)
    return queries.add(auth.now(), only_if, **row)


def ask(auth: Auth, request: Request) -> Filled:
    """The statement that stores a request: the same single write whether the address has an account or not.

    It stores a digest of the network, so that requests of different networks can take turns.
    """
    asked_in = None if request.session_id is None else str(request.session_id)
    content = {
        "kind": request.event.kind,
        "address": request.address,
        "client": asdict(request.client),
        "session_id": asked_in,
    }
    row = _sealed(auth, request.user_id, REQUEST, content, auth.until(REQUEST_LIFETIME))
    return queries.add(auth.now(), **row, source=auth.keys.digest("outbox source", network_of(request.client)))


def errand(auth: Auth, name: str, event: Event) -> Filled:
    """The statement that queues an event job.

    The user is named in the encrypted content only, so that the job of a deleted user still runs.
    """
    told = {
        "id": str(event.id),
        "kind": event.kind,
        "at": event.at.isoformat(),
        "outcome": event.outcome,
        "client": asdict(event.client),
        "detail": dict(event.detail),
        **{key: None if who is None else str(who) for key, who in _who(event).items()},
    }
    row = _sealed(auth, None, queries.ERRAND + name, {"event": told}, auth.until(ERRAND_LIFETIME))
    return queries.add(auth.now(), **row, source=turns.ERRANDS)


def event_of(auth: Auth, row: Row[Any]) -> Event:
    """The event that an event job is about. Raises Sealed."""
    told = content_of(auth, row)["event"]
    who = {key: None if told[key] is None else UUID(told[key]) for key in ("user_id", "session_id", "actor_id")}
    return class_of(told["kind"])(
        at=datetime.fromisoformat(told["at"]),
        outcome=told["outcome"],
        client=Client(**told["client"]),
        detail=told["detail"],
        id=UUID(told["id"]),
        **who,
    )


def pause(tries: int) -> timedelta:
    """How long to wait after the given number of attempts: 5 s, doubling up to an hour."""
    return min(timedelta(seconds=5 * 2 ** min(tries - 1, 12)), LONGEST_PAUSE)


def content_of(auth: Auth, row: Row[Any]) -> dict[str, Any]:
    """The decrypted content of a row. Raises Sealed."""
    try:
        opened = auth.keys.decrypt(_place(row.id), row.content)
    except ValueError as error:
        raise Sealed from error
    content: dict[str, Any] = json.loads(opened)
    return content


def request_of(auth: Auth, row: Row[Any]) -> Request:
    """The request that `ask` stored. Raises Sealed and UnknownRequest."""
    content = content_of(auth, row)
    event = known().get(content["kind"])
    if event is None:
        raise UnknownRequest(content["kind"])
    # Rows of the previous version have none.
    asked_in = content.get("session_id")
    session_id = None if asked_in is None else UUID(asked_in)
    return Request(event, content["address"], Client(**content["client"]), row.user_id, session_id)


async def listed(auth: Auth, after: UUID | None, limit: int, *, done: bool = False) -> Page[Row[Any]]:
    """A page of queued mails, or (`done`) of those that were given up, newest first, without their content."""
    return Page.of(await auth.database.rows(queries.page(done=done, after=after, limit=limit + 1)), limit)


async def retry(auth: Auth, mail_id: UUID) -> None:
    """A mail that is queued or was given up is due now. Raises NotFound for any other."""
    if not await auth.database.rows(queries.retry(mail_id, auth.now())):
        raise NotFound


def _who(event: Event) -> dict[str, UUID | None]:
    return {"user_id": event.user_id, "session_id": event.session_id, "actor_id": event.actor_id}


def _sealed(
    auth: Auth, user_id: UUID | None, kind: str, content: Mapping[str, Any], expires_at: datetime
) -> dict[str, Any]:
    row_id = auth.new_id()
    sealed = auth.keys.encrypt(_place(row_id), json.dumps(content).encode())
    return {"id": row_id, "user_id": user_id, "kind": kind, "content": sealed, "expires_at": expires_at}


def _place(row_id: UUID) -> str:
    return f"auth_outbox|{row_id}|content"
