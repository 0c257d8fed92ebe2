"""Isolating tests: for the duration of a test, an Auth has its own database, clock and mailbox."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fam_auth.auth import Auth
from fam_auth.core.clock import timestamps
from fam_auth.core.database import Database
from fam_auth.core.hashing import Hasher
from fam_auth.core.session_cache import SessionCache
from fam_auth.testing.clock import Clock
from fam_auth.testing.mailbox import Mailbox

REPLACED = ("database", "now", "carrier", "hasher", "session_cache", "is_stopping")


def template(auth: Auth, folder: Path) -> Path:
    """Create a SQLite file with all tables of the Auth, to copy for each test. Returns its path."""
    path = folder / "template.db"
    asyncio.run(_migrate(auth, path))
    return path


@contextmanager
def isolated(auth: Auth, folder: Path, *, tables: Path | None = None) -> Iterator[Auth]:
    """Inside, the Auth uses a new SQLite file in `folder`, fast hashing, and a Mailbox; afterwards all is as before.

    `tables` is a file that `template` created; None creates the tables here. Enter it before the application starts,
    and not in a coroutine.
    """
    path = folder / "fam_auth.db"
    shutil.copy(tables or template(auth, folder), path)
    before = {name: getattr(auth, name) for name in REPLACED}
    auth.database, auth.now, auth.carrier = Database(_url(path)), Clock(), Mailbox()
    # The same algorithm with little memory: fast, and the passwords of tests need no protection.
    auth.hasher = Hasher(memory=1024, passes=1)
    auth.session_cache = SessionCache(auth.settings.session_memory, timestamps(auth.now))
    auth.is_stopping = False
    try:
        yield auth
    finally:
        asyncio.run(auth.close())
        for name, value in before.items():
            setattr(auth, name, value)


async def _migrate(auth: Auth, path: Path) -> None:
    from fam_auth.core import upgrade  # noqa: PLC0415 - tests without a database need not wait for Alembic

    database = Database(_url(path))
    await upgrade.upgrade(database, auth.histories)
    await database.close()


def _url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"
