"""`fam-auth sessions`: list and end sessions."""

from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import BY_CLI, REFUSED, AsJson, Limit, find_user, run, show
from fam_auth.repository.data_access.managers import sessions, users

app = typer.Typer(help="List and end sessions.", no_args_is_help=True)


@app.command("list")
def list_sessions(
    who: Annotated[str | None, typer.Argument(help="Id or e-mail address of a user. If omitted, all users.")] = None,
    *,
    as_json: AsJson = False,
    limit: Limit = 50,
) -> None:
    """List active sessions, newest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        user_id = None if who is None else (await find_user(auth, who)).id
        page = await sessions.listed(auth, user_id, None, limit)
        keys = ("id", "user_id", "transport", "created_at", "seen_at", "address", "agent")
        return [{key: str(getattr(session, key)) for key in keys} for session in page.items]

    show(run(work), as_json=as_json)


@app.command("end")
def end_session(
    session: Annotated[UUID | None, typer.Argument(help="Id of the session.")] = None,
    *,
    user: Annotated[str | None, typer.Option(help="End all sessions of this user.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="End all sessions of all users.")] = False,
) -> None:
    """End one session, all sessions of a user, or all sessions."""
    if (session is not None) + (user is not None) + everybody != 1:
        raise typer.BadParameter("Give exactly one of: a session id, --user, --all.")

    async def work(auth: Auth) -> int:
        if user:
            return await users.sign_out(auth, (await find_user(auth, user)).id, BY_CLI)
        where = {"id": session} if session else {}
        return await sessions.end(auth, where, "ended_by_administrator", BY_CLI)

    ended = run(work)
    typer.echo(f"Sessions ended: {ended}.")
    if not ended and session:
        raise typer.Exit(REFUSED)
