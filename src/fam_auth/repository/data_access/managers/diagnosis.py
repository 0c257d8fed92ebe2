"""What is wrong with a service: settings, migrations, tables, secrets, mail."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError

from fam_auth.auth import Auth
from fam_auth.core import forwarded, migrations
from fam_auth.core.mail import MailFailed
from fam_auth.core.settings_checks import advice
from fam_auth.exceptions import Misconfigured, Unavailable
from fam_auth.repository.data_access.managers import rekeying
from fam_auth.repository.data_access.queries import events

ADVICE, FINE = "advice", "fine"
PATIENCE = timedelta(seconds=15)
LATEST = 200
"""So many events are looked at for the addresses of clients."""
Found = Sequence[str] | None
Check = Callable[[], Coroutine[Any, Any, Found]]


class Finding(NamedTuple):
    """What a check has found; `fine` when nothing. The check `advice` tells what works and could be safer."""

    check: str
    found: str


async def diagnosed(auth: Auth, patience: timedelta = PATIENCE) -> list[Finding]:
    """What every check finds, advice first. A check that takes longer than `patience` is a finding by itself."""
    from fam_auth.core import upgrade  # noqa: PLC0415 - Alembic takes long to import, and no request needs it

    checks: dict[str, Check] = {
        "migrations": lambda: migrations.check(auth.database, auth.histories),
        "deadlines": auth.database.check_deadlines,
        "tables": lambda: upgrade.drift(auth.database, auth.histories),
        "secrets": lambda: _of_tables(rekeying.lost(auth)),
        "mail": getattr(auth.carrier, "check", _nothing_to_check),
    }
    advised = (*advice(auth.settings), *forwarded.advice(), *await _in_time(_addresses(auth), patience))
    found = [*(Finding(ADVICE, one) for one in advised), Finding("settings", FINE)]
    said = await asyncio.gather(*(_finding(check, patience) for check in checks.values()))
    return [*found, *map(Finding, checks, said)]


async def _of_tables(check: Coroutine[Any, Any, Found]) -> Found:
    """What a check finds in the tables; nothing where they are not there yet, as another check tells."""
    try:
        return await check
    except (DBAPIError, Unavailable):
        return None


async def _in_time(check: Coroutine[Any, Any, Found], patience: timedelta) -> Sequence[str]:
    """What a check finds in the tables; nothing where they do not answer, as another check tells."""
    try:
        return await asyncio.wait_for(_of_tables(check), patience.total_seconds()) or ()
    except TimeoutError:
        return ()


async def _addresses(auth: Auth) -> Found:
    """Whether most of the latest requests seem to come from a proxy itself: from its address, or from none."""
    trusted, rows = auth.settings.trusted_proxies, await auth.database.rows(events.latest(LATEST))
    clients = [row.address and forwarded.address(row.address) for row in rows if row.request_id is not None]
    unknown = [one for one in clients if one is None or forwarded.is_proxy(one, trusted)]
    if not trusted or len(unknown) * 2 <= len(clients):
        return None
    told = (
        f"{len(unknown)} of the latest {len(clients)} requests in the audit log have no client address behind the "
        "proxies in FAM_AUTH_TRUSTED_PROXIES, so they share the rate limits of one network. Make the proxy send the "
        "client address in X-Forwarded-For; the log of the service shows values that are not addresses."
    )
    return [told]


async def _nothing_to_check() -> None:
    """A carrier of somebody else that cannot tell."""


async def _finding(check: Check, patience: timedelta) -> str:
    try:
        differences = await asyncio.wait_for(check(), patience.total_seconds())
    except TimeoutError:
        return f"No response within {patience.total_seconds():g} s."
    except (Misconfigured, MailFailed) as error:
        return str(error)
    return f"Found: {'; '.join(differences)}" if differences else FINE
