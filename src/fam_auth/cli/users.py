"""`fam-auth users`: create, list, suspend, restore, export and delete users."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import BY_CLI, AsJson, Limit, Who, find_user, run, run_for, show
from fam_auth.features.password import changes
from fam_auth.features.password import managers as passwords
from fam_auth.repository.data_access.managers import exports, users
from fam_auth.values import User

app = typer.Typer(help="Manage users.", no_args_is_help=True)


@app.command("create")
def create_user(
    email: str,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the user.")] = None,
    verified: Annotated[bool, typer.Option(help="Whether the address counts as verified.")] = True,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Print a one-time link for choosing the password.")] = False,
) -> None:
    """Create a user. The password is prompted for, read from standard input, or chosen through a one-time link."""
    if link:
        typer.echo(run(lambda auth: _linked(auth, email, name, verified=verified)))
        return
    password = typed_password(stdin=stdin)

    async def work(auth: Auth) -> User:
        return await passwords.create(auth, email, password, name, verified=verified)

    show([user_row(run(work))], as_json=False)


@app.command("invite")
def invite_user(email: str, *, name: Annotated[str | None, typer.Option(help="Name of the user.")] = None) -> None:
    """Create a user and mail them a link to choose a password."""

    async def work(auth: Auth) -> User:
        return await changes.invite(auth, email, name, BY_CLI)

    show([user_row(run(work))], as_json=False)


@app.command("list")
def list_users(
    search: Annotated[str | None, typer.Argument(help="Text to find in addresses and names.")] = None,
    *,
    as_json: AsJson = False,
    limit: Limit = 50,
    after: Annotated[UUID | None, typer.Option(help="Id of the last user on the previous page.")] = None,
) -> None:
    """List users, oldest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [user_row(user) for user in (await users.listed(auth, after, limit, search)).items]

    show(run(work), as_json=as_json)


@app.command("show")
def show_user(who: Who, *, as_json: AsJson = False) -> None:
    """Show one user."""

    async def work(auth: Auth) -> User:
        return await find_user(auth, who)

    show([user_row(run(work))], as_json=as_json)


@app.command("suspend")
def suspend_user(
    who: Who,
    *,
    reason: Annotated[str | None, typer.Option(help="Reason, stored with the user.")] = None,
    until: Annotated[
        datetime | None, typer.Option(help="When it ends, in UTC. If omitted, when you restore the user.")
    ] = None,
) -> None:
    """Suspend a user, for a time or until restored, and end their sessions."""
    end = until and until.replace(tzinfo=UTC)
    run_for(who, lambda auth, user: users.suspend(auth, user.id, BY_CLI, reason=reason, until=end))
    typer.echo("Suspended.")


@app.command("link")
def link_user(who: Who) -> None:
    """Print a one-time link for setting a new password."""
    typer.echo(run_for(who, changes.link))


@app.command("compromised")
def mark_compromised(who: Who) -> None:
    """Sign a user out everywhere, and require a new password at the next sign-in."""
    run_for(who, lambda auth, user: changes.compromise(auth, user, BY_CLI))
    typer.echo("Marked as compromised.")


@app.command("export")
def export_user(who: Who) -> None:
    """Print all data stored about a user as JSON, without secrets."""

    async def work(auth: Auth, user: User) -> str:
        return json.dumps(await exports.of_user(auth, user.id, BY_CLI), indent=2, default=str)

    typer.echo(run_for(who, work))


@app.command("restore")
def restore_user(who: Who) -> None:
    """Restore a suspended user, who can then sign in again."""
    run_for(who, lambda auth, user: users.restore(auth, user.id, BY_CLI))
    typer.echo("Restored.")


@app.command("delete")
def delete_user(
    who: Who, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False
) -> None:
    """Delete a user and their data."""
    if not yes:
        typer.confirm(f"Permanently delete {who}?", abort=True)
    run_for(who, lambda auth, user: users.remove(auth, user.id, BY_CLI))
    typer.echo("Deleted.")


async def _linked(auth: Auth, email: str, name: str | None, *, verified: bool) -> str:
    return await changes.link(auth, await users.create(auth, email, name, verified=verified))


def typed_password(*, stdin: bool) -> str:
    """The password from standard input, or from a prompt with hidden input."""
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    prompted: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return prompted


def user_row(user: User) -> dict[str, str]:
    """The columns of a user in tables and JSON."""
    keys = ("id", "email", "email_verified", "name", "created_at", "suspended_at", "suspended_until")
    return {key: str(getattr(user, key)) for key in keys}
