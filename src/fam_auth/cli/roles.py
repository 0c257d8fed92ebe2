"""`fam-auth roles` and `fam-auth create-admin`: roles, permissions and administrators."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.cli.common import BY_CLI, REFUSED, AsJson, Who, loaded, run, run_for, show
from fam_auth.cli.users import typed_password, user_row
from fam_auth.core.addresses import parse
from fam_auth.exceptions import NotFound
from fam_auth.features.password import changes
from fam_auth.features.password import managers as passwords
from fam_auth.features.role import Role, definitions, managers
from fam_auth.features.role.definitions import Change
from fam_auth.features.role.graph import Definition
from fam_auth.features.role.settings import ADMIN
from fam_auth.repository.data_access.managers import users, verifications
from fam_auth.values import User

app = typer.Typer(help="Manage roles and who has them.", no_args_is_help=True)
RoleName = Annotated[str, typer.Argument(help="Name of the role.", show_default=False)]
InScope = Annotated[
    str, typer.Option(help="Scope of the role, such as project:42. If omitted, the role applies everywhere.")
]


@app.command("list")
def list_roles(*, as_json: AsJson = False) -> None:
    """List the roles."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        auth.of(Role)
        return [_row(role) for _, role in sorted((await definitions.every(auth)).items())]

    show(run(work), as_json=as_json)


@app.command("show")
def show_role(name: RoleName, *, as_json: AsJson = False) -> None:
    """Show one role."""
    show([_row(run(lambda auth: definitions.get(auth, name), missing=_unknown(name)))], as_json=as_json)


@app.command("create")
def create_role(
    name: RoleName,
    *,
    permission: Annotated[
        list[str] | None, typer.Option(help="Permission of the role. Repeat for more than one.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Role whose permissions it includes. Repeat for more than one.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What the role is for.")] = None,
) -> None:
    """Create a role."""
    wanted = Definition(name, frozenset(permission or ()), frozenset(include or ()), description)
    show([_row(run(lambda auth: definitions.create(auth, wanted, BY_CLI)))], as_json=False)


@app.command("delete")
def delete_role(
    name: RoleName, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False
) -> None:
    """Delete a role and revoke it from every user who has it."""
    if not yes:
        typer.confirm(f"Permanently delete the role {name}?", abort=True)
    run(lambda auth: definitions.delete(auth, name, BY_CLI), missing=_unknown(name))
    typer.echo("Deleted.")


@app.command("grant")
def grant_role(
    who: Who,
    role: RoleName,
    *,
    scope: InScope = "",
    until: Annotated[datetime | None, typer.Option(help="When the grant expires, in UTC. If omitted, never.")] = None,
) -> None:
    """Grant a role to a user."""
    end = until and until.replace(tzinfo=UTC)
    run_for(who, lambda auth, user: managers.grant(auth, user.id, role, BY_CLI, scope=scope, expires_at=end))
    typer.echo("Granted.")


@app.command("revoke")
def revoke_role(who: Who, role: RoleName, *, scope: InScope = "") -> None:
    """Revoke a role from a user."""
    missing = f"{who} does not have the role {role}" + (f" in {scope}." if scope else ".")
    run_for(who, lambda auth, user: managers.revoke(auth, user.id, role, BY_CLI, scope=scope), missing=missing)
    typer.echo("Revoked.")


@app.command("who")
def who_has(role: RoleName, *, as_json: AsJson = False) -> None:
    """List the users who were granted a role, with scope and expiry."""
    rows = run(lambda auth: managers.who(auth, role), missing=_unknown(role))
    show([_grant_row(row) for row in rows], as_json=as_json)


@app.command("sync")
def sync_roles(
    application: Annotated[
        str | None, typer.Argument(help="Application or Auth, as module:name. If omitted, the service.")
    ] = None,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would change, without changing it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the roles that the code declares to the database."""

    async def work(auth: Auth) -> list[Change]:
        auth.of(Role)
        return await (definitions.plan(auth) if plan else definitions.sync(auth))

    changes = run(work, loaded(application) if application else None)
    show([_change_row(change) for change in changes], as_json=as_json)


def create_admin(
    email: Annotated[str, typer.Argument(help="E-mail address of the administrator.", show_default=False)],
    *,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Print a one-time link for choosing the password.")] = False,
) -> None:
    """Create an administrator, or make an existing user one.

    The password of a new user is prompted for, read from standard input (--stdin), or chosen by the user through a
    one-time link (--link). If addresses must be verified, an existing user with an unverified address requires --link.
    """
    known, is_proved = run(lambda auth: _standing(auth, email))
    if known and not is_proved and not link:
        typer.echo(f"fam-auth: The address {email} is not verified. Use --link to set a new password.", err=True)
        raise typer.Exit(REFUSED)
    password = None if known or link else typed_password(stdin=stdin)

    async def work(auth: Auth) -> tuple[User, str | None]:
        auth.of(Role)
        await definitions.ensure_admin(auth)
        user = await users.found(auth, email) if known else await _made(auth, email, password)
        if not is_proved:
            async with auth.transaction() as db:
                await verifications.take_over(auth, db, user.id, parse(user.email).canonical, BY_CLI)
        await managers.grant(auth, user.id, ADMIN, BY_CLI)
        return user, await changes.link(auth, user) if link else None

    user, address = run(work)
    if address is not None:
        typer.echo(address)
    else:
        show([user_row(user)], as_json=False)


async def _standing(auth: Auth, email: str) -> tuple[bool, bool]:
    """Whether the address has a user, and whether that is trusted to be its owner: strangers may register it."""
    try:
        user = await users.found(auth, email)
    except NotFound:
        return False, True
    return True, user.email_verified or not auth.settings.email_verification


async def _made(auth: Auth, email: str, password: str | None) -> User:
    if password is None:
        return await users.create(auth, email, verified=True)
    return await passwords.create(auth, email, password, None, verified=True)


def _unknown(name: str) -> str:
    return f"No role with the name {name}."


def _row(role: Definition) -> dict[str, str]:
    return {
        "name": role.name,
        "permissions": " ".join(sorted(role.permissions)),
        "includes": " ".join(sorted(role.includes)),
        "in_code": str(role.in_code),
        "description": role.description or "",
    }


def _grant_row(row: Row[Any]) -> dict[str, str]:
    keys = ("user_id", "address", "scope", "granted_at", "granted_by", "expires_at")
    return {key: str(getattr(row, key)) for key in keys}


def _change_row(change: Change) -> dict[str, str]:
    before, after = (one and sorted([*one.permissions, *one.includes]) for one in (change.before, change.after))
    return {"role": change.name, "before": json.dumps(before), "after": json.dumps(after)}
