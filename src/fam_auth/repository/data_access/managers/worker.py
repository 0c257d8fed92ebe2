"""The worker: sends mails and answers requests, at least once, never lost, never after a link has expired.

Whatever happens to one row, that row alone is put off or given up: neither the others nor the loop end of it.
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
# For what is not ours: a carrier or a listener of the application may wait for ever. Longer than SMTP takes at most.
DEADLINE = SMTP_DEADLINE + ANSWER_DEADLINE + timedelta(seconds=20)
# So much longer that how it ended is written before another worker takes the row.
LEASE = DEADLINE + timedelta(seconds=60)
log = logging.getLogger("fam_auth.outbox")


async def deliver(auth: Auth) -> int:
    """Up to ten due mails and requests, and five errands, are done, put off or given up; returns how many.

    Several workers may do this at once.
    """
    return sum(await asyncio.gather(*(_deliver_some(auth, *queue) for queue in QUEUES)))


async def work(auth: Auth, stopping: asyncio.Event, pause: timedelta = timedelta(seconds=1)) -> None:
    """Delivers until told to stop; what has begun is finished. A database that does not answer is waited for.

    Ten mails and ten errands at once: one that takes long holds up neither the others nor those behind it. Nothing but
    a cancellation ends it earlier.
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
    """The row is done, put off or given up. Where not even that can be written, its lease ends and it comes back."""
    failure = await failure_of(_do(auth, row))
    if failure is None:
        return
    due_at = auth.now() + outbox.pause(row.tries)
    if due_at >= row.expires_at or (isinstance(failure, MailFailed) and failure.permanent):
        _tell(logging.ERROR, "was given up", row, failure)
        failure = await failure_of(_close(auth, row, MailFailedEvent))
        if failure is None:
            return
        # A listener of the application undoes even the event of this: it is tried with pauses until it lets it be.
        _tell(logging.ERROR, "could not be marked as given up", row, failure)
    else:
        _tell(logging.WARNING, "failed and will be retried", row, failure)
    failure = await failure_of(auth.database.rows(queries.again(row.id, due_at)))
    if failure is not None:
        _tell(logging.ERROR, "could not be rescheduled", row, failure)


async def _do(auth: Auth, row: Row[Any]) -> None:
    """The mail is sent, the request is answered, or what is too late is given up."""
    if row.expires_at <= auth.now():
        await _close(auth, row, MailExpired)
        return
    async with asyncio.timeout(DEADLINE.total_seconds()):
        if row.kind == outbox.REQUEST:
            await requests.answer(auth, row)
            return
        mail = _open(auth, row)
        # Whatever the carrier makes of it, and whatever an address of before was read as.
        mail.check()
        await auth.carrier.carry(mail)
    await auth.database.rows(queries.done(row.id, "sent", auth.now()))


def _tell(level: int, fate: str, row: Row[Any], failure: BaseException) -> None:
    log.log(level, "Mail %s of kind %s %s: %s", row.id, row.kind, fate, reason(failure), exc_info=trace(failure))


async def _close(auth: Auth, row: Row[Any], kind: type[MailFailedEvent | MailExpired]) -> None:
    event = kind(at=auth.now(), user_id=row.user_id, outcome="failure", detail={"mail": row.kind})
    ends = queries.failed if kind is MailFailedEvent else queries.done
    async with auth.transaction() as db:
        await events.record(auth, db, event, ends(row.id, kind.kind, auth.now()))


def _open(auth: Auth, row: Row[Any]) -> Mail:
    content = outbox.content_of(auth, row)
    wanted = auth.texts.choose(row.locale or content["locale"], content["language"])
    language = language_of(auth.mails, row.kind, wanted)
    try:
        written = render(auth.mails, row.kind, _context(auth, content["context"], language), language)
    except TemplateError as error:
        # A template of the application: mended sooner or later, and no reason to keep back the mails of others.
        raise MailFailed(f"its template is broken ({error})", permanent=False) from error
    own, message_id = str(auth.settings.sender), f"<{row.id}@{auth.settings.mail_domain}>"
    said = (written.subject, written.text, written.html)
    return Mail(row.kind, own, content["recipient"], *said, message_id, language)


def _context(auth: Auth, kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What fills the template, with its moment in words."""
    asked_at = auth.texts.moment(language, datetime.fromisoformat(kept["requested_at"]))
    name, direction = auth.settings.app_name, auth.texts.direction(language)
    return {"app_name": name, "direction": direction, **kept, "requested_at": asked_at}


QUEUES: tuple[tuple[Take, Do], ...] = ((_take, _deliver_one), (event_jobs.take, event_jobs.perform))
