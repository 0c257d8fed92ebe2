"""`fam-auth errands`: event jobs that wait or have failed."""

from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import MISUSED, AsJson, Limit, run, show
from fam_auth.repository.data_access.managers import event_jobs

ErrandId = Annotated[UUID | None, typer.Argument(help="Id, as `list` prints it.")]
EveryOne = Annotated[bool, typer.Option("--all", help="Everything that was given up.")]


def group(prefix: str, told: str) -> typer.Typer:
    """The commands for event jobs with this prefix."""
    app = typer.Typer(help=told, no_args_is_help=True)

    @app.command("list")
    def list_errands(*, as_json: AsJson = False, limit: Limit = 50) -> None:
        """List what is waiting or was given up, newest first, with the reason for the last failure."""

        async def work(auth: Auth) -> list[dict[str, str]]:
            return await event_jobs.listed(auth, prefix, limit)

        show(run(work), as_json=as_json)

    @app.command("resend")
    def resend_errands(errand_id: ErrandId = None, *, everything: EveryOne = False) -> None:
        """Queue again what was given up: one by its id, or everything (--all). A worker runs it from the beginning."""
        if (errand_id is None) is not everything:
            typer.echo("fam-auth: Give one id, or --all.", err=True)
            raise typer.Exit(MISUSED)

        async def work(auth: Auth) -> int:
            return await event_jobs.resend(auth, prefix, errand_id)

        typer.echo(f"Queued again: {run(work)}.")

    return app


app = group("", "Background jobs (`auth.after`) that are waiting or were given up.")
