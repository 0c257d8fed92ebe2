"""The `fam-auth` command."""

from importlib.util import find_spec
from typing import Annotated, NoReturn

import typer

from fam_auth import __version__
from fam_auth.cli import adopt, errands, events, outbox, roles, routes, service, sessions, tuning, users
from fam_auth.cli.common import MISUSED, REFUSED, UNANSWERED, Refused
from fam_auth.exceptions import Misconfigured

EPILOG = (
    "Exit codes: 0 success, 1 refused or action needed, 2 wrong usage or configuration, "
    "3 the database does not respond."
)
app = typer.Typer(
    help="Authentication for FastAPI: run and administer the service.", epilog=EPILOG, no_args_is_help=True
)
app.add_typer(service.app)
app.add_typer(users.app, name="users")
app.add_typer(adopt.app, name="adopt")
app.add_typer(sessions.app, name="sessions")
app.add_typer(roles.app, name="roles")
app.add_typer(events.app, name="events")
app.add_typer(errands.app, name="errands")
app.add_typer(outbox.app, name="outbox")
app.command("create-admin")(roles.create_admin)
app.command("tune-hash")(tuning.tune_hash)
app.command("routes")(routes.list_routes)
# Commands of features with an extra exist only if the extra is installed.
if find_spec("pyotp"):  # pragma: no branch - the tests have every extra
    from fam_auth.cli import otp

    app.add_typer(otp.app, name="otp")
if find_spec("httpx2"):  # pragma: no branch - as above
    from fam_auth.cli import webhooks

    app.add_typer(webhooks.app, name="webhooks")


def main() -> None:
    """Runs the command. A refusal is printed as one line on standard error, with an exit code."""
    try:
        app()
    except Misconfigured as error:
        _stop(str(error), MISUSED)
    except Refused as error:
        if error.is_unanswered:
            _stop(f"The database does not respond: {error}", UNANSWERED)
        _stop(str(error), REFUSED)


@app.callback(invoke_without_command=True)
def _top(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    if show_version:
        typer.echo(f"fam-auth {__version__}")
        raise typer.Exit


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"fam-auth: {message}", err=True)
    raise SystemExit(code)
