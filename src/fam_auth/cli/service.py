"""`fam-auth serve`, `migrate`, `doctor` and the other commands that operate the service."""

import asyncio
import os
import signal
from functools import partial
from typing import Annotated

import typer
import uvicorn

from fam_auth.auth import Auth
from fam_auth.cli.common import REFUSED, AsJson, loaded, run, show
from fam_auth.core import chores, logs
from fam_auth.core.security import new_secret
from fam_auth.core.settings_list import described
from fam_auth.features.role import Role, rights
from fam_auth.repository.data_access.managers import diagnosis, rekeying
from fam_auth.repository.data_access.managers.purge import purge as purge_all
from fam_auth.repository.data_access.managers.worker import work as work_off

GRACE_SECONDS = 10
app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Number of worker processes.")] = 1,
) -> None:
    """Run the service. Prints its address and a first request to try."""
    os.environ.setdefault("FAM_AUTH_DEVELOPMENT_URL", f"http://{host}:{port}")
    auth = Auth()
    typer.echo(_welcome(auth, f"http://{host}:{port}"), err=True)
    if hint := run(_hint, auth):
        typer.echo(hint, err=True)
    logs.configure(readable=auth.settings.is_development)
    uvicorn.run(
        "fam_auth.main:app",
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@app.command()
def migrate(
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the SQL, and which statements lock tables, without running it.")
    ] = False,
) -> None:
    """Create or upgrade the database tables of fam-auth and its features."""
    from fam_auth.core import upgrade  # noqa: PLC0415 - importing Alembic would slow down other commands

    async def work(auth: Auth) -> None:
        if plan:
            typer.echo(await upgrade.plan(auth.database, auth.histories) or "Nothing to do.")
        else:
            await upgrade.upgrade(auth.database, auth.histories)
            typer.echo("The database is up to date.")

    run(work)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, migrations, timeouts, tables, secrets and mail. Exits with code 1 if something must be fixed.

    Rows named `advice` are recommendations: they work, but could be safer.
    """

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [one._asdict() for one in await diagnosis.diagnosed(auth)]

    rows = run(work)
    show(rows, as_json=as_json)
    if any(row["found"] != diagnosis.FINE for row in rows if row["check"] != diagnosis.ADVICE):
        raise typer.Exit(REFUSED)


@app.command()
def config(*, as_json: AsJson = False) -> None:
    """Print every setting with its value (secrets masked), default, source and meaning."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [row for owner in (auth.settings, *auth.features) for row in described(owner)]

    show(run(work), as_json=as_json)


@app.command()
def worker(
    application: Annotated[
        str | None, typer.Argument(help="Application whose background jobs (auth.after) to run, as module:name.")
    ] = None,
) -> None:
    """Send mails and run background jobs until stopped. You can run several workers at once."""

    async def work(auth: Auth) -> None:
        await auth.start()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        typer.echo("The worker is running. Press Ctrl+C to stop.", err=True)
        await chores.repeat("worker", partial(work_off, auth, stopping), chores.PAUSE, stopping, within=None)

    run(work, loaded(application) if application else None)


@app.command()
def purge(*, as_json: AsJson = False) -> None:
    """Delete expired and old data, as the retention settings say."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [{"table": table, "rows": str(rows)} for table, rows in (await purge_all(auth)).items()]

    show(run(work), as_json=as_json)


@app.command()
def rekey(*, as_json: AsJson = False) -> None:
    """Re-encrypt all encrypted data with the first of FAM_AUTH_SECRETS, so that you can remove older ones.

    Digests cannot be re-encrypted. The column `left` counts those that still need an older secret; keep that secret
    until they have expired.
    """

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [one._asdict() for one in await rekeying.rekey(auth, lambda told: typer.echo(told, err=True))]

    show(run(work), as_json=as_json)


@app.command()
def secret() -> None:
    """Print a new secret for FAM_AUTH_SECRETS."""
    typer.echo(new_secret())


async def _hint(auth: Auth) -> str | None:
    """Prepares the database, and returns what the operator still has to do."""
    await auth.start()
    if not any(isinstance(feature, Role) for feature in auth.features) or await rights.has_administrator(auth):
        return None
    return "There is no administrator yet. Create one with `fam-auth create-admin EMAIL`."


def _welcome(auth: Auth, url: str) -> str:
    lines = [
        f"fam-auth is running at {url}" + (f", API documentation at {url}/docs" if auth.settings.api_docs else ""),
        f"  database  {auth.database}",
        "Try it:",
        f"  curl -X POST {url}/auth/register -H 'Content-Type: application/json' \\",
        """    -d '{"email": "ada@example.com", "password": "seventeen green llamas"}'""",
    ]
    return "\n".join(lines)
