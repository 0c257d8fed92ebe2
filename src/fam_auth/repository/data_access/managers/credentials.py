"""What follows every change of credentials: nobody stays signed in by the old ones, and the owner hears of it."""

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
    auth: Auth, db: AsyncSession, event: Event, *deeds: Statement, letter: Letter | None, keep: UUID | None = None
) -> None:
    """The deeds are done, and what rested on the old credentials of `event.user_id` is over.

    Their sessions end, their logins under way, every pending link and code and what they asked for by mail with them,
    except the session or the login `keep`, which acts. `letter` tells the owner. Raises Unauthenticated when what acts
    has ended while this waited for the user. Does not commit.
    """
    assert event.user_id is not None  # noqa: S101 - credentials are somebody's
    # In a statement of its own: what ends is looked for after a sign-in that holds the user has committed its session.
    await db.execute(users.locked(event.user_id))
    if keep is not None and not await sessions.goes_on(auth, db, keep):
        raise Unauthenticated
    now, actor = auth.now(), Actor(event.client, event.actor_id)
    if event.forgets_known_browsers:
        # Apart from the deeds, which may verify the address in the same row.
        await db.execute(users.forget_devices(event.user_id, now))
    posted = [] if letter is None else [outbox.post(auth, event.user_id, letter, actor.shown_to(event.user_id))]
    over = [
        queries.abandon_all(event.user_id, but=keep),
        token_queries.retire_all(event.user_id, now),
        outbox_queries.void(event.user_id, outbox.REQUEST, now),
    ]
    await events.record(auth, db, event, *deeds, *over, *posted)
    await sessions.end(auth, {"user_id": event.user_id}, event.kind, actor, but=keep, db=db)


def notice(auth: Auth, about: type[Event] | str, recipient: str, **context: object) -> Letter:
    """The mail that tells the user of an event, or one with a name of its own. It expires after three days."""
    kind = about if isinstance(about, str) else about.notifies
    return Letter(kind, recipient, context, auth.until(NOTICE))
