"""`fam-auth outbox`: mails that wait or have failed."""

from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import AsJson, Limit, run, show
from fam_auth.repository.data_access.managers import outbox

app = typer.Typer(help="Mails that are queued or were given up.", no_args_is_help=True)
SHOWN = ("id", "kind", "user_id", "tries", "created_at", "due_at", "expires_at", "outcome")


@app.command("list")
def list_mails(
    *,
    given_up: Annotated[
        bool, typer.Option("--given-up", help="Mails that could not be delivered, or that expired.")
    ] = False,
    as_json: AsJson = False,
    limit: Limit = 50,
) -> None:
    """List the queued mails, newest first, without their content."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        page = await outbox.listed(auth, None, limit, done=given_up)
        return [{name: str(getattr(row, name)) for name in SHOWN} for row in page.items]

    show(run(work), as_json=as_json)


@app.command("retry")
def retry_mail(
    mail: Annotated[UUID, typer.Argument(help="Id of the mail, as `fam-auth outbox list` prints it.")],
) -> None:
    """Send a mail as soon as a worker is free, whether it is queued or could not be delivered."""

    async def work(auth: Auth) -> None:
        await outbox.retry(auth, mail)
        typer.echo("Queued. The next free worker sends it.")

    run(work, missing=f"No queued mail with the id {mail}.")
