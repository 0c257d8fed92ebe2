"""The checks of `fam-auth doctor`: settings, migrations, tables, secrets, mail."""

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
"""How many of the latest events are searched for client addresses."""
Found = Sequence[str] | None
Check = Callable[[], Coroutine[Any, Any, Found]]


class Finding(NamedTuple):
    """The result of a check; `found` is FINE when there is no problem. ADVICE marks what works but could be safer."""

    check: str
    found: str


async def diagnosed(auth: Auth, patience: timedelta = PATIENCE) -> list[Finding]:
    """The findings of every check, advice first. A check that takes longer than `patience` is a finding itself."""
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
    """The findings of a check that reads tables; None if they are missing, which another check reports."""
    try:
        return await check
    except (DBAPIError, Unavailable):
        return None


async def _in_time(check: Coroutine[Any, Any, Found], patience: timedelta) -> Sequence[str]:
    """The same within `patience`; nothing if the database does not answer, which another check reports."""
    try:
        return await asyncio.wait_for(_of_tables(check), patience.total_seconds()) or ()
    except TimeoutError:
        return ()


async def _addresses(auth: Auth) -> Found:
    """Advice if most of the latest requests seem to come from a trusted proxy itself: its address, or no address."""
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
    """Stands in for the check of a mail transport that has none."""


async def _finding(check: Check, patience: timedelta) -> str:
    try:
        differences = await asyncio.wait_for(check(), patience.total_seconds())
    except TimeoutError:
        return f"No response within {patience.total_seconds():g} s."
    except (Misconfigured, MailFailed) as error:
        return str(error)
    return f"Found: {'; '.join(differences)}" if differences else FINE
