"""What is wrong with a service: settings, migrations, tables, secrets, mail."""

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError

from fam_auth.auth import Auth
from fam_auth.core.mail import MailFailed
from fam_auth.core.settings import advice
from fam_auth.exceptions import Misconfigured, Unavailable
from fam_auth.repository.data_access.managers import rekeying

ADVICE, FINE = "advice", "fine"


class Finding(NamedTuple):
    """What a check has found; `fine` when nothing. The check `advice` tells what works and could be safer."""

    check: str
    found: str


async def diagnosed(auth: Auth) -> list[Finding]:
    """What every check finds, advice first."""
    upgrade = import_module("fam_auth.core.upgrade")
    checks: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "migrations": lambda: import_module("fam_auth.core.migrations").check(auth.database, auth.histories),
        "tables": lambda: upgrade.drift(auth.database, auth.histories),
        "secrets": lambda: _of_tables(rekeying.lost(auth)),
        "mail": getattr(auth.carrier, "check", _nothing_to_check),
    }
    found = [*(Finding(ADVICE, one) for one in advice(auth.settings)), Finding("settings", FINE)]
    return [*found, *[Finding(name, await _finding(check)) for name, check in checks.items()]]


async def _of_tables(check: Coroutine[Any, Any, object]) -> object:
    """What a check finds in the tables; nothing where they are not there yet, as another check tells."""
    try:
        return await check
    except (DBAPIError, Unavailable):
        return None


async def _nothing_to_check() -> None:
    """A carrier of somebody else that cannot tell."""


async def _finding(check: Callable[[], Coroutine[Any, Any, object]]) -> str:
    try:
        differences = await check()
    except (Misconfigured, MailFailed) as error:
        return str(error)
    return FINE if not differences else f"Found: {differences}"
