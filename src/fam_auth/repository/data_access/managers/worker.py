"""The worker: sends mails and answers requests, at least once, never lost, never after a link has expired."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from jinja2 import TemplateError
from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core.events import Event, EventKind
from fam_auth.core.mail import SMTP_DEADLINE, Mail, MailFailed, language_of, render
from fam_auth.exceptions import Unavailable
from fam_auth.repository.data_access.managers import errands, events, outbox, requests
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.repository.data_access.queries import turns

BATCH = 10
LEASE = BATCH * SMTP_DEADLINE + timedelta(seconds=20)
log = logging.getLogger("fam_auth.outbox")


async def deliver(auth: Auth) -> int:
    """Up to ten due mails and requests, and as many errands, are done, put off or given up; returns how many.

    Several workers may do this at once.
    """
    return sum(await asyncio.gather(_deliver_mails(auth), errands.run(auth)))


async def work(auth: Auth, stopping: asyncio.Event, pause: timedelta = timedelta(seconds=1)) -> None:
    """Delivers until told to stop; what has begun is finished. A database that does not answer is waited for.

    Mails do not wait for errands, which may take long.
    """
    await asyncio.gather(*(_go_on(auth, some, stopping, pause) for some in (_deliver_mails, errands.run)))


async def _go_on(auth: Auth, some: Callable[[Auth], Awaitable[int]], stopping: asyncio.Event, pause: timedelta) -> None:
    while not stopping.is_set():
        try:
            taken = await some(auth)
        except Unavailable:
            taken = 0
        if not taken:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause.total_seconds())


async def _deliver_mails(auth: Auth) -> int:
    now = auth.now()
    taken = await auth.database.rows(turns.lease(now, now + LEASE, BATCH, turns.start(auth.keys.version)))
    await asyncio.gather(*(_deliver_one(auth, row) for row in taken))
    return len(taken)


async def _deliver_one(auth: Auth, row: Row[Any]) -> None:
    if row.expires_at <= auth.now():
        await _close(auth, row, EventKind.MAIL_EXPIRED)
        return
    if row.kind == outbox.REQUEST:
        await requests.answer(auth, row)
        return
    try:
        await auth.carrier.carry(_open(auth, row))
    except MailFailed as failure:
        log.warning("mail %s of kind %s failed: %s", row.id, row.kind, failure)
        if failure.permanent:
            await _close(auth, row, EventKind.MAIL_FAILED)
        else:
            await auth.database.rows(queries.again(row.id, auth.now() + outbox.pause(row.tries)))
    else:
        await auth.database.rows(queries.done(row.id, "sent", auth.now()))


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
    host = auth.settings.mail_host
    sender = auth.settings.mail_from or f"{auth.settings.app_name} <no-reply@{host}>"
    said = (written.subject, written.text, written.html)
    return Mail(row.kind, sender, content["recipient"], *said, f"<{row.id}@{host}>", language)


def _context(auth: Auth, kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What fills the template, with its moment in words."""
    asked_at = auth.texts.moment(language, datetime.fromisoformat(kept["requested_at"]))
    name, direction = auth.settings.app_name, auth.texts.direction(language)
    return {"app_name": name, "direction": direction, **kept, "requested_at": asked_at}
