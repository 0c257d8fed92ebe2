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
from fam_auth.core.settings import described
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
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Run the service. It says where it is and what to try first."""
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
    *, plan: Annotated[bool, typer.Option("--plan", help="Only print the SQL, with what it locks.")] = False
) -> None:
    """Bring the tables of the kernel and of every feature up to date."""
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
    """Look for what is wrong: settings, migrations, tables, secrets, mail. Exit code 1 when something must be done.

    Advice is what works and could be safer.
    """

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [one._asdict() for one in await diagnosis.diagnosed(auth)]

    rows = run(work)
    show(rows, as_json=as_json)
    if any(row["found"] != diagnosis.FINE for row in rows if row["check"] != diagnosis.ADVICE):
        raise typer.Exit(REFUSED)


@app.command()
def config(*, as_json: AsJson = False) -> None:
    """Print every setting with its value (secrets masked), its default, where it comes from, and what it means."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [row for owner in (auth.settings, *auth.features) for row in described(owner)]

    show(run(work), as_json=as_json)


@app.command()
def worker(
    application: Annotated[
        str | None, typer.Argument(help="The application whose auth.after is done here, as module:name.")
    ] = None,
) -> None:
    """Send mails, and do what follows from events, until told to stop; several may run."""

    async def work(auth: Auth) -> None:
        await auth.start()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        typer.echo("Sending mails. Stop with Ctrl-C.", err=True)
        await chores.repeat("worker", partial(work_off, auth, stopping), chores.PAUSE, stopping, within=None)

    run(work, loaded(application) if application else None)


@app.command()
def purge(*, as_json: AsJson = False) -> None:
    """Delete what has expired or ended long ago."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [{"table": table, "rows": str(rows)} for table, rows in (await purge_all(auth)).items()]

    show(run(work), as_json=as_json)


@app.command()
def rekey(*, as_json: AsJson = False) -> None:
    """Encrypt everything with the first of FAM_AUTH_SECRETS, so that the others can go once nothing rests on them.

    What is kept as a digest cannot be made anew: it is counted, and goes with its time.
    """

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [one._asdict() for one in await rekeying.rekey(auth, lambda told: typer.echo(told, err=True))]

    show(run(work), as_json=as_json)


@app.command()
def secret() -> None:
    """Print a fresh secret for FAM_AUTH_SECRETS."""
    typer.echo(new_secret())


async def _hint(auth: Auth) -> str | None:
    """Prepares the database, and returns what the operator still has to do."""
    await auth.start()
    if not any(isinstance(feature, Role) for feature in auth.features) or await rights.has_administrator(auth):
        return None
    return "Nobody administers yet: run `fam-auth create-admin EMAIL`, which asks for a password (or --link)."


def _welcome(auth: Auth, url: str) -> str:
    lines = [
        f"fam-auth runs on {url}" + (f", its documentation on {url}/docs" if auth.settings.api_docs else ""),
        f"  database  {auth.database}",
        "Try first:",
        f"  curl -X POST {url}/auth/register -H 'Content-Type: application/json' \\",
        """    -d '{"email": "ada@example.com", "password": "seventeen green llamas"}'""",
    ]
    return "\n".join(lines)
