"""The mails of a test, and what is in them."""

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
    """A carrier that keeps what it is given."""

    mails: list[Mail] = field(default_factory=list)

    async def carry(self, mail: Mail) -> None:
        self.mails.append(mail)


async def mails_to(auth: Auth, recipient: str, kind: str | None = None) -> Sequence[Mail]:
    """The mails that somebody has got so far, oldest first; what waits is sent before. None: of every kind.

    Only where `isolated` has given the Auth a mailbox.
    """
    assert isinstance(auth.carrier, Mailbox)  # noqa: S101 - said above
    waiting = select(func.count()).select_from(Outbox).where(queries.mails(), Outbox.done_at.is_(None))
    for _ in range(LOOKS):
        # The worker of the application may be at it as well.
        if not await worker.deliver(auth):
            left = await auth.database.row(waiting)
            if left is None or not left[0]:
                break
            await asyncio.sleep(0.01)
    return [mail for mail in auth.carrier.mails if mail.recipient == recipient and kind in {None, mail.kind}]


def token_in(mail: Mail) -> str:
    """The token in the link of a mail. Raises ValueError when it has none."""
    return _found(TOKEN, mail, "link with a token")


def code_in(mail: Mail) -> str:
    """The six digits in a mail. Raises ValueError when it has none."""
    return _found(CODE, mail, "six-digit code")


def _found(pattern: re.Pattern[str], mail: Mail, wanted: str) -> str:
    found = pattern.search(mail.text)
    if found is None:
        raise ValueError(f"The mail {mail.kind} contains no {wanted}.")
    return found.group(1)
