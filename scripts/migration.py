"""Writes the next migration of the kernel or of a feature: `make migration feature=otp m="add a device name"`."""

import asyncio
import re
import sys
import tempfile

from alembic import command

from fam_auth.auth import Auth
from fam_auth.core.migrations import History
from fam_auth.core.upgrade import configured, upgrade


def main() -> None:
    """The models are compared with a fresh database on which every existing migration has run."""
    if not all(sys.argv[1:]) or len(sys.argv[1:]) < len(("feature", "message")):
        sys.exit('usage: make migration feature=password m="what changes" (feature=kernel for the kernel)')
    asyncio.run(_write(*sys.argv[1:3]))


async def _write(name: str, message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        auth = Auth(f"sqlite+aiosqlite:///{folder}/fresh.db", profile="development")
        history = next(history for history in auth.histories if history.name == name)
        history.folder.mkdir(exist_ok=True)
        await upgrade(auth.database, [one for one in auth.histories if list(one.folder.glob("[0-9]*.py"))])
        async with auth.database.engine.connect() as connection:
            await connection.run_sync(lambda plain: _revise(history, connection=plain, message=message))
        await auth.close()


def _revise(history: History, *, connection: object, message: str) -> None:
    number = len(list(history.folder.glob("[0-9]*.py"))) + 1
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    config = configured(history, None, connection=connection)
    config.set_main_option("file_template", "%%(rev)s")
    command.revision(
        config, message, autogenerate=True, rev_id=f"{number:04d}_{slug}", version_path=str(history.folder)
    )
    print(f"wrote {number:04d}_{slug}.py: read it before you commit it")


if __name__ == "__main__":
    main()
