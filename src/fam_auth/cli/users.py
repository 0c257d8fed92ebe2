"""`fam-auth users`: people with an account."""

import sys
from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import AsJson, Limit, Who, run, run_for, show
from fam_auth.features.password import managers as passwords
from fam_auth.repository.data_access.managers import users
from fam_auth.values import User

app = typer.Typer(help="People with an account.", no_args_is_help=True)


@app.command("create")
def create_user(
    email: str,
    *,
    name: Annotated[str | None, typer.Option(help="What they are called.")] = None,
    verified: Annotated[bool, typer.Option(help="The address is known to be theirs.")] = True,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
) -> None:
    """Create a user; the password is prompted for, or read from standard input, never given on the command line."""
    password = (
        sys.stdin.readline().rstrip("\n")
        if stdin
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )

    async def work(auth: Auth) -> User:
        return await passwords.create(auth, email, password, name, verified=verified)

    show([user_row(run(work))], as_json=False)


@app.command("list")
def list_users(*, as_json: AsJson = False, limit: Limit = 50, after: UUID | None = None) -> None:
    """List users, oldest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [user_row(user) for user in (await users.listed(auth, after, limit)).items]

    show(run(work), as_json=as_json)


@app.command("show")
def show_user(who: Who, *, as_json: AsJson = False) -> None:
    """Show one user."""

    async def work(auth: Auth) -> User:
        return await users.found(auth, who)

    show([user_row(run(work))], as_json=as_json)


@app.command("suspend")
def suspend_user(who: Who, reason: Annotated[str | None, typer.Option(help="Why; kept with the user.")] = None) -> None:
    """Let a user not sign in any more, and end their sessions."""
    run_for(who, lambda auth, user: users.suspend(auth, user.id, reason))
    typer.echo("Suspended.")


@app.command("restore")
def restore_user(who: Who) -> None:
    """Let a suspended user sign in again."""
    run_for(who, lambda auth, user: users.restore(auth, user.id))
    typer.echo("Restored.")


@app.command("delete")
def delete_user(who: Who, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete a user and all that hangs on them."""
    if not yes:
        typer.confirm(f"Delete {who} for good?", abort=True)
    run_for(who, lambda auth, user: users.remove(auth, user.id))
    typer.echo("Deleted.")


def user_row(user: User) -> dict[str, str]:
    """What the tables show of a user."""
    keys = ("id", "email", "email_verified", "name", "created_at", "suspended_at")
    return {key: str(getattr(user, key)) for key in keys}
