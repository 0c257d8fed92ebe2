"""The worker: sends mails and answers requests, at least once, never lost, never after a link has expired.

Whatever happens to one row, that row alone is put off or given up: neither the others nor the loop end of it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from jinja2 import TemplateError
from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core.events import Event, EventKind
from fam_auth.core.letters import language_of, render
from fam_auth.core.mail import ANSWER_DEADLINE, SMTP_DEADLINE, Mail, MailFailed
from fam_auth.core.supervision import failure_of, reason, trace
from fam_auth.exceptions import Unavailable
from fam_auth.repository.data_access.managers import errands, events, outbox, requests
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.repository.data_access.queries import turns

BATCH = 10
# For what is not ours: a carrier or a listener of the application may wait for ever. Longer than SMTP takes at most.
DEADLINE = SMTP_DEADLINE + ANSWER_DEADLINE + timedelta(seconds=20)
# So much longer that how it ended is written before another worker takes the row.
LEASE = DEADLINE + timedelta(seconds=60)
log = logging.getLogger("fam_auth.outbox")


async def deliver(auth: Auth) -> int:
    """Up to ten due mails and requests, and as many errands, are done, put off or given up; returns how many.

    Several workers may do this at once.
    """
    return sum(await asyncio.gather(_deliver_mails(auth), errands.run(auth)))


async def work(auth: Auth, stopping: asyncio.Event, pause: timedelta = timedelta(seconds=1)) -> None:
    """Delivers until told to stop; what has begun is finished. A database that does not answer is waited for.

    Mails do not wait for errands, which may take long. Nothing but a cancellation ends it earlier.
    """
    await asyncio.gather(*(_go_on(auth, some, stopping, pause) for some in (_deliver_mails, errands.run)))


async def _go_on(
    auth: Auth, some: Callable[[Auth], Coroutine[Any, Any, int]], stopping: asyncio.Event, pause: timedelta
) -> None:
    while not stopping.is_set():
        taken: int | BaseException
        (taken,) = await asyncio.gather(some(auth), return_exceptions=True)
        if isinstance(taken, BaseException):
            # A database that is away is told of by every request; here it would be a line a second.
            level = logging.DEBUG if isinstance(taken, Unavailable) else logging.ERROR
            log.log(level, "The worker failed and goes on: %s", reason(taken), exc_info=trace(taken))
        if isinstance(taken, BaseException) or not taken:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause.total_seconds())


async def _deliver_mails(auth: Auth) -> int:
    now = auth.now()
    taken = await auth.database.rows(turns.lease(now, now + LEASE, BATCH, turns.start(auth.keys.version)))
    await asyncio.gather(*(_deliver_one(auth, row) for row in taken))
    return len(taken)


async def _deliver_one(auth: Auth, row: Row[Any]) -> None:
    """The row is done, put off or given up. Where not even that can be written, its lease ends and it comes back."""
    failure = await failure_of(_do(auth, row))
    if failure is None:
        return
    due_at = auth.now() + outbox.pause(row.tries)
    if due_at >= row.expires_at or (isinstance(failure, MailFailed) and failure.permanent):
        _tell(logging.ERROR, "is given up", row, failure)
        failure = await failure_of(_close(auth, row, EventKind.MAIL_FAILED))
        if failure is None:
            return
        # A listener of the application undoes even the event of this: it is tried with pauses until it lets it be.
        _tell(logging.ERROR, "cannot be given up", row, failure)
    else:
        _tell(logging.WARNING, "is tried again", row, failure)
    failure = await failure_of(auth.database.rows(queries.again(row.id, due_at)))
    if failure is not None:
        _tell(logging.ERROR, "cannot be put off", row, failure)


async def _do(auth: Auth, row: Row[Any]) -> None:
    """The mail is sent, the request is answered, or what is too late is given up."""
    if row.expires_at <= auth.now():
        await _close(auth, row, EventKind.MAIL_EXPIRED)
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
    log.log(level, "mail %s of kind %s %s: %s", row.id, row.kind, fate, reason(failure), exc_info=trace(failure))


async def _close(auth: Auth, row: Row[Any], kind: EventKind) -> None:
    event = Event(kind, auth.now(), user_id=row.user_id, outcome="failure", detail={"mail": row.kind})
    ends = queries.failed if kind == EventKind.MAIL_FAILED else queries.done
    async with auth.transaction() as db:
        await events.record(auth, db, event, ends(row.id, kind.value, auth.now()))


def _open(auth: Auth, row: Row[Any]) -> Mail:
    content = outbox.content_of(auth, row)
    wanted = auth.texts.choose(row.locale or content["locale"], content["language"])
    language = language_of(auth.mails, row.kind, wanted)
    try:
        written = render(auth.mails, row.kind, _context(auth, content["context"], language), language)
    except TemplateError as error:
        # A template of the application: mended sooner or later, and no reason to keep back the mails of others.
        raise MailFailed(f"its template does not work ({error})", permanent=False) from error
    own, message_id = str(auth.settings.sender), f"<{row.id}@{auth.settings.mail_domain}>"
    said = (written.subject, written.text, written.html)
    return Mail(row.kind, own, content["recipient"], *said, message_id, language)


def _context(auth: Auth, kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What fills the template, with its moment in words."""
    asked_at = auth.texts.moment(language, datetime.fromisoformat(kept["requested_at"]))
    name, direction = auth.settings.app_name, auth.texts.direction(language)
    return {"app_name": name, "direction": direction, **kept, "requested_at": asked_at}
