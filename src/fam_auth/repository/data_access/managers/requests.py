"""Answers requests for mails in a worker, so that the response time does not tell whether the address has an account.

OWASP ASVS 6.3.8. A request becomes an event of its user, in one transaction with everything that follows from it.
Features answer their requests in `heard`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.addresses import parse
from fam_auth.core.database import retried
from fam_auth.events import EmailChangeRequested, EmailVerificationSent, Event, LoginGuessed
from fam_auth.repository.data_access.managers import emails, events, sessions
from fam_auth.repository.data_access.managers.outbox import Request, request_of
from fam_auth.repository.data_access.queries import outbox as queries
from fam_auth.repository.data_access.queries import users
from fam_auth.values import User

Answer = Callable[[Auth, AsyncSession, User, Request], Awaitable[bool]]
KERNELS: Mapping[type[Event], Answer] = {
    EmailVerificationSent: emails.send_again,
    EmailChangeRequested: emails.send_change,
    LoginGuessed: emails.send_warning,
}


@retried
async def answer(auth: Auth, row: Row[Any]) -> None:
    """Answers the request once, if its address belongs to a user who is not suspended.

    Does nothing if the request was made in a session that has ended, or is void since the credentials changed.
    """
    request = request_of(auth, row)
    owner = users.by_address(parse(request.address).canonical) if request.user_id is None else users.by_id(row.user_id)
    async with auth.transaction() as db:
        # Lock the user first, like everything that makes requests void: otherwise the two could deadlock.
        found = (await db.execute(owner.with_for_update(key_share=True))).first()
        is_due = (await db.execute(queries.answered(row.id, auth.now()))).first() is not None
        if not is_due or found is None or users.value(found).is_suspended(auth.now()):
            return
        if request.session_id is not None and not await sessions.is_live(auth, db, request.session_id):
            return
        user = users.value(found)
        if request.event in KERNELS and not await KERNELS[request.event](auth, db, user, request):
            return
        await events.record(auth, db, request.event(at=auth.now(), user_id=user.id, client=request.client))
