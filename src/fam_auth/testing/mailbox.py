"""The mails that are sent in a test, and the tokens and codes in them."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from fam_auth.auth import Auth
from fam_auth.core.mail import Mail
from fam_auth.models import Outbox
from fam_auth.repository.data_access.managers import worker
from fam_auth.repository.data_access.queries import outbox as queries

LOOKS = 200
TOKEN, CODE = re.compile(r"#token=(\S+)$", re.MULTILINE), re.compile(r"^(\d{6})$", re.MULTILINE)


@dataclass
class Mailbox:
    """A mail transport that stores the mails in a list."""

    mails: list[Mail] = field(default_factory=list)

    async def carry(self, mail: Mail) -> None:
        self.mails.append(mail)


async def mails_to(auth: Auth, recipient: str, kind: str | None = None) -> Sequence[Mail]:
    """The mails sent to an address so far, oldest first. Sends queued mails first. `kind` None: mails of every kind.

    Requires an Auth inside `isolated`.
    """
    assert isinstance(auth.carrier, Mailbox)  # noqa: S101 - documented above
    waiting = select(func.count()).select_from(Outbox).where(queries.mails(), Outbox.done_at.is_(None))
    for _ in range(LOOKS):
        # The application's own worker may be sending a mail at the same time, so look until none waits.
        if not await worker.deliver(auth):
            left = await auth.database.row(waiting)
            if left is None or not left[0]:
                break
            await asyncio.sleep(0.01)
    return [mail for mail in auth.carrier.mails if mail.recipient == recipient and kind in {None, mail.kind}]


def token_in(mail: Mail) -> str:
    """The token in the link of a mail. Raises ValueError if there is none."""
    return _found(TOKEN, mail, "link with a token")


def code_in(mail: Mail) -> str:
    """The six-digit code in a mail. Raises ValueError if there is none."""
    return _found(CODE, mail, "six-digit code")


def _found(pattern: re.Pattern[str], mail: Mail, wanted: str) -> str:
    found = pattern.search(mail.text)
    if found is None:
        raise ValueError(f"The mail {mail.kind} contains no {wanted}.")
    return found.group(1)
