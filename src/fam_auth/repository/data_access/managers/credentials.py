"""After every change of credentials: end what the old credentials opened, and notify the owner."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.statements import Statement
from fam_auth.events import Event
from fam_auth.exceptions import Unauthenticated
from fam_auth.repository.data_access.managers import events, outbox, sessions
from fam_auth.repository.data_access.managers.outbox import Letter
from fam_auth.repository.data_access.queries import logins as queries
from fam_auth.repository.data_access.queries import outbox as outbox_queries
from fam_auth.repository.data_access.queries import tokens as token_queries
from fam_auth.repository.data_access.queries import users
from fam_auth.values import Actor

NOTICE = timedelta(days=3)


async def changed(
    auth: Auth, db: AsyncSession, event: Event, *statements: Statement, letter: Letter | None, keep: UUID | None = None
) -> None:
    """Runs the statements, and ends everything that the old credentials of `event.user_id` opened.

    That is the user's sessions, logins in progress, pending links and codes, and requests that wait for their mail. The
    session or login `keep`, which makes the change, stays. `letter` notifies the owner. Raises Unauthenticated if
    `keep` has ended while this waited for the lock on the user. Does not commit.
    """
    assert event.user_id is not None  # noqa: S101 - credentials are somebody's
    # A statement of its own: a sign-in that holds the lock commits its session first, and the statements below see it.
    await db.execute(users.locked(event.user_id))
    if keep is not None and not await sessions.goes_on(auth, db, keep):
        raise Unauthenticated
    now, actor = auth.now(), Actor(event.client, event.actor_id)
    if event.forgets_known_browsers:
        # Not together with `statements`, which may verify the address: that is an UPDATE of the same row.
        await db.execute(users.forget_devices(event.user_id, now))
    posted = [] if letter is None else [outbox.post(auth, event.user_id, letter, actor.shown_to(event.user_id))]
    over = [
        queries.abandon_all(event.user_id, but=keep),
        token_queries.retire_all(event.user_id, now),
        outbox_queries.void(event.user_id, outbox.REQUEST, now),
    ]
    await events.record(auth, db, event, *statements, *over, *posted)
    await sessions.end(auth, {"user_id": event.user_id}, event.kind, actor, but=keep, db=db)


def notice(auth: Auth, about: type[Event] | str, recipient: str, **context: object) -> Letter:
    """The mail that notifies the user of an event; `about` may also name a mail. It expires after three days."""
    kind = about if isinstance(about, str) else about.notifies
    return Letter(kind, recipient, context, auth.until(NOTICE))
