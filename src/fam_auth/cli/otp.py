"""`fam-auth otp`: two-factor authentication."""

from typing import Annotated

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import BY_CLI, AsJson, Who, run_for, show
from fam_auth.features.otp import Otp, managers
from fam_auth.values import User

app = typer.Typer(help="Two-factor authentication of users.", no_args_is_help=True)


@app.command("list")
def list_factors(who: Who, *, as_json: AsJson = False) -> None:
    """List the authenticators of a user."""

    async def work(auth: Auth, user: User) -> list[dict[str, str]]:
        auth.of(Otp)
        keys = ("id", "name", "created_at", "last_used_at")
        left = (await managers.standing(auth, user.id)).recovery_codes
        devices = [{key: str(getattr(row, key)) for key in keys} for row in await managers.devices(auth, user.id)]
        return [{**row, "recovery_codes_left": str(left)} for row in devices]

    show(run_for(who, work), as_json=as_json)


@app.command("remove")
def remove_factors(
    who: Who,
    *,
    reason: Annotated[str, typer.Option(help="Why, and how you verified their identity. Kept in the audit log.")],
) -> None:
    """Remove all second factors of a user who lost theirs, and sign them out everywhere."""

    async def work(auth: Auth, user: User) -> None:
        auth.of(Otp)
        await managers.remove_all(auth, user, reason, BY_CLI)

    run_for(who, work)
    typer.echo("Removed.")
