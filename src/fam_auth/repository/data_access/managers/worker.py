"""The worker: sends mails and processes requests, at least once, and never after they expire.

A row that fails is rescheduled or given up. It affects neither other rows nor the loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from jinja2 import TemplateError
from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core import slots
from fam_auth.core.letters import language_of, render
from fam_auth.core.mail import ANSWER_DEADLINE, SMTP_DEADLINE, Mail, MailFailed
from fam_auth.core.supervision import failure_of, reason, trace
from fam_auth.events import MailExpired
from fam_auth.events import MailFailed as MailFailedEvent
from fam_auth.repository.data_access.managers import event_jobs, events, outbox, requests
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.repository.data_access.queries import turns

Take = Callable[[Auth, int, Collection[Row[Any]]], Awaitable[Sequence[Row[Any]]]]
Do = Callable[[Auth, Row[Any]], Coroutine[Any, Any, None]]
# For code of the application: its mail transport or listener could wait forever. Longer than the limits of SMTP.
DEADLINE = SMTP_DEADLINE + ANSWER_DEADLINE + timedelta(seconds=20)
# For listeners of the application while the outcome is recorded, which can be tried twice.
CLOSE_DEADLINE = timedelta(seconds=20)
# Long enough to record the outcome before another worker takes the row.
LEASE = DEADLINE + timedelta(seconds=60)
log = logging.getLogger("fam_auth.outbox")


async def deliver(auth: Auth) -> int:
    """Processes up to ten due mails and requests, and five event jobs; returns how many. Safe with several workers."""
    return sum(await asyncio.gather(*(_deliver_some(auth, *queue) for queue in QUEUES)))


async def work(auth: Auth, stopping: asyncio.Event, pause: timedelta = timedelta(seconds=1)) -> None:
    """Delivers until `stopping` is set, and finishes what has begun. Retries while the database does not respond.

    Ten mails and ten event jobs run at once, so a slow one does not delay the others. Only a cancellation ends it
    earlier.
    """
    queues = ((partial(take, auth), partial(do, auth)) for take, do in QUEUES)
    await asyncio.gather(*(slots.keep_busy(take, do, stopping, pause) for take, do in queues))


async def _deliver_some(auth: Auth, take: Take, do: Do) -> int:
    taken = await take(auth, slots.SLOTS, ())
    await asyncio.gather(*(do(auth, row) for row in taken))
    return len(taken)


async def _take(auth: Auth, limit: int, _: Collection[Row[Any]]) -> Sequence[Row[Any]]:
    now = auth.now()
    return await auth.database.rows(turns.lease(now, now + LEASE, limit, turns.start(auth.keys.version)))


async def _deliver_one(auth: Auth, row: Row[Any]) -> None:
    """Processes one row and records the outcome. If that cannot be written, the row comes back after its lease."""
    failure = await failure_of(_do(auth, row))
    if failure is None:
        return
    due_at = auth.now() + outbox.pause(row.tries)
    if due_at >= row.expires_at or (isinstance(failure, MailFailed) and failure.permanent):
        _tell(logging.ERROR, "was given up", row, failure)
        failure = await failure_of(_close(auth, row, MailFailedEvent))
        if failure is None:
            return
        # A listener of the application rolls back the event too: retry with pauses until it accepts it.
        _tell(logging.ERROR, "could not be marked as given up", row, failure)
    else:
        _tell(logging.WARNING, "failed and will be retried", row, failure)
    failure = await failure_of(auth.database.rows(queries.again(row.id, due_at)))
    if failure is not None:
        _tell(logging.ERROR, "could not be rescheduled", row, failure)


async def _do(auth: Auth, row: Row[Any]) -> None:
    """Sends the mail or answers the request; an expired row is given up."""
    if row.expires_at <= auth.now():
        await _close(auth, row, MailExpired)
        return
    async with asyncio.timeout(DEADLINE.total_seconds()):
        if row.kind == outbox.REQUEST:
            await requests.answer(auth, row)
            return
        mail = _open(auth, row)
        # Addresses stored by an earlier version are checked too, whatever the mail transport makes of them.
        mail.check()
        await auth.carrier.carry(mail)
    await auth.database.rows(queries.done(row.id, "sent", auth.now()))


def _tell(level: int, fate: str, row: Row[Any], failure: BaseException) -> None:
    log.log(level, "Mail %s of kind %s %s: %s", row.id, row.kind, fate, reason(failure), exc_info=trace(failure))


async def _close(auth: Auth, row: Row[Any], kind: type[MailFailedEvent | MailExpired]) -> None:
    event = kind(at=auth.now(), user_id=row.user_id, outcome="failure", detail={"mail": row.kind})
    ends = queries.failed if kind is MailFailedEvent else queries.done
    async with asyncio.timeout(CLOSE_DEADLINE.total_seconds()), auth.transaction() as db:
        await events.record(auth, db, event, ends(row.id, kind.kind, auth.now()))


def _open(auth: Auth, row: Row[Any]) -> Mail:
    content = outbox.content_of(auth, row)
    wanted = auth.texts.choose(row.locale or content["locale"], content["language"])
    language = language_of(auth.mails, row.kind, wanted)
    try:
        written = render(auth.mails, row.kind, _context(auth, content["context"], language), language)
    except TemplateError as error:
        # A template of the application: it will be fixed, and other mails do not depend on it.
        raise MailFailed(f"its template is broken ({error})", permanent=False) from error
    own, message_id = str(auth.settings.sender), f"<{row.id}@{auth.settings.mail_domain}>"
    said = (written.subject, written.text, written.html)
    return Mail(row.kind, own, content["recipient"], *said, message_id, language)


def _context(auth: Auth, kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The template's context, with the time of the request as text."""
    asked_at = auth.texts.moment(language, datetime.fromisoformat(kept["requested_at"]))
    name, direction = auth.settings.app_name, auth.texts.direction(language)
    return {"app_name": name, "direction": direction, **kept, "requested_at": asked_at}


QUEUES: tuple[tuple[Take, Do], ...] = ((_take, _deliver_one), (event_jobs.take, event_jobs.perform))
