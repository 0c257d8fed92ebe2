"""`fam-auth events`: the audit log."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import AsJson, Limit, find_user, run, show
from fam_auth.repository.data_access.managers import events
from fam_auth.values import EventFilter

app = typer.Typer(help="Read the audit log.", no_args_is_help=True)


@app.command("list")
def list_events(  # noqa: PLR0913 - one parameter per filter
    who: Annotated[str | None, typer.Argument(help="Id or e-mail address of a user. If omitted, all users.")] = None,
    *,
    kind: Annotated[str | None, typer.Option(help="Only events of this kind, such as login.failed.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only events at or after this time, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only events before this time, in UTC.")] = None,
    as_json: AsJson = False,
    limit: Limit = 50,
) -> None:
    """List the events in the audit log, newest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        user_id = None if who is None else (await find_user(auth, who)).id
        begin, end = (moment and moment.replace(tzinfo=UTC) for moment in (since, until))
        page = await events.listed(auth, EventFilter(user_id, kind, begin, end), None, limit)
        keys = ("at", "kind", "outcome", "user_id", "actor_id", "address")
        return [
            {**{key: str(getattr(row, key)) for key in keys}, "detail": json.dumps(row.detail)} for row in page.items
        ]

    show(run(work), as_json=as_json)
