"""`fam-auth errands`: event jobs that wait or have failed."""

from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import MISUSED, AsJson, Limit, run, show
from fam_auth.repository.data_access.managers import event_jobs

ErrandId = Annotated[UUID | None, typer.Argument(help="The one of `list`.")]
EveryOne = Annotated[bool, typer.Option("--all", help="All that were given up.")]


def group(prefix: str, told: str) -> typer.Typer:
    """The commands for event jobs with this prefix."""
    app = typer.Typer(help=told, no_args_is_help=True)

    @app.command("list")
    def list_errands(*, as_json: AsJson = False, limit: Limit = 50) -> None:
        """List what waits or was given up, newest first, with the reason of the last failure."""

        async def work(auth: Auth) -> list[dict[str, str]]:
            return await event_jobs.listed(auth, prefix, limit)

        show(run(work), as_json=as_json)

    @app.command("resend")
    def resend_errands(errand_id: ErrandId = None, *, everything: EveryOne = False) -> None:
        """Try what was given up once more, from the beginning; a worker does it."""
        if (errand_id is None) is not everything:
            typer.echo("fam-auth: name the id of one, or say --all.", err=True)
            raise typer.Exit(MISUSED)

        async def work(auth: Auth) -> int:
            return await event_jobs.resend(auth, prefix, errand_id)

        typer.echo(f"{run(work)} to do again.")

    return app


app = group("", "What the application does after events, and has not done yet.")
