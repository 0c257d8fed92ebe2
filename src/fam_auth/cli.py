"""The `fam-auth` command."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
import uvicorn

from fam_auth.auth import Auth
from fam_auth.core import logs
from fam_auth.core.security import new_secret
from fam_auth.core.settings import described
from fam_auth.exceptions import Misconfigured, Refusal, Unavailable
from fam_auth.features.password import managers as passwords
from fam_auth.repository.data_access.managers import outbox, sessions, users
from fam_auth.repository.data_access.managers.purge import purge as purge_all
from fam_auth.values import Client, User

EPILOG = (
    "Exit codes: 0 done, 1 refused or something to do, 2 wrong usage or configuration, 3 the database does not answer."
)
REFUSED, MISUSED, UNANSWERED = 1, 2, 3
GRACE_SECONDS = 10
BY_CLI = Client(agent="fam-auth command line")

app = typer.Typer(
    help="Authentication for FastAPI: the service and its administration.", epilog=EPILOG, no_args_is_help=True
)
users_app = typer.Typer(help="People with an account.", no_args_is_help=True)
sessions_app = typer.Typer(help="Who is signed in.", no_args_is_help=True)
app.add_typer(users_app, name="users")
app.add_typer(sessions_app, name="sessions")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")]
Who = Annotated[str, typer.Argument(help="Id or e-mail address.")]


def main() -> None:
    """Runs the command; what was refused is one line on standard error and an exit code."""
    try:
        app()
    except Misconfigured as error:
        _stop(str(error), MISUSED)
    except Unavailable as error:
        _stop(f"The database does not answer: {error.detail}", UNANSWERED)
    except Refusal as error:
        _stop(" ".join([error.detail, *(one["message"] for one in error.members().get("errors", ()))]), REFUSED)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Run the service. It says where it is and what to try first."""
    os.environ.setdefault("FAM_AUTH_DEVELOPMENT_URL", f"http://{host}:{port}")
    auth = Auth()
    typer.echo(_welcome(auth, f"http://{host}:{port}"), err=True)
    logs.configure(readable=auth.settings.is_development)
    uvicorn.run(
        "fam_auth.main:app",
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@app.command()
def migrate(
    *, plan: Annotated[bool, typer.Option("--plan", help="Only print the SQL, with what it locks.")] = False
) -> None:
    """Bring the tables of the kernel and of every feature up to date."""
    upgrade = import_module("fam_auth.core.upgrade")

    async def work(auth: Auth) -> None:
        if plan:
            typer.echo(await upgrade.plan(auth.database, auth.histories) or "Nothing to do.")
        else:
            await upgrade.upgrade(auth.database, auth.histories)
            typer.echo("The database is up to date.")

    _run(work)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Look for what is wrong: settings, database, migrations, tables. Exit code 1 when something must be done."""
    upgrade = import_module("fam_auth.core.upgrade")

    async def work(auth: Auth) -> list[dict[str, str]]:
        checks: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "migrations": lambda: import_module("fam_auth.core.migrations").check(auth.database, auth.histories),
            "tables": lambda: upgrade.drift(auth.database, auth.histories),
        }
        found = [{"check": "settings", "found": "fine"}]
        for name, check in checks.items():
            found.append({"check": name, "found": await _diagnosis(check)})
        return found

    rows = _run(work)
    _show(rows, as_json=as_json)
    if any(row["found"] != "fine" for row in rows):
        raise typer.Exit(REFUSED)


@app.command()
def config(*, as_json: AsJson = False) -> None:
    """Print every setting with its value (secrets masked), its default, where it comes from, and what it means."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [row for owner in (auth.settings, *auth.features) for row in described(owner)]

    _show(_run(work), as_json=as_json)


@app.command()
def worker() -> None:
    """Send mails until told to stop; several may run."""

    async def work(auth: Auth) -> None:
        await auth.start()
        task = asyncio.create_task(outbox.work(auth))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        typer.echo("Sending mails. Stop with Ctrl-C.", err=True)
        await asyncio.gather(task, return_exceptions=True)

    _run(work)


@app.command()
def purge(*, as_json: AsJson = False) -> None:
    """Delete what has expired or ended long ago."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [{"table": table, "rows": str(rows)} for table, rows in (await purge_all(auth)).items()]

    _show(_run(work), as_json=as_json)


@app.command()
def secret() -> None:
    """Print a fresh secret for FAM_AUTH_SECRETS."""
    typer.echo(new_secret())


@users_app.command("create")
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

    _show([_user_row(_run(work))], as_json=False)


@users_app.command("list")
def list_users(*, as_json: AsJson = False, limit: Limit = 50, after: UUID | None = None) -> None:
    """List users, oldest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        return [_user_row(user) for user in (await users.listed(auth, after, limit)).items]

    _show(_run(work), as_json=as_json)


@users_app.command("show")
def show_user(who: Who, *, as_json: AsJson = False) -> None:
    """Show one user."""

    async def work(auth: Auth) -> User:
        return await users.found(auth, who)

    _show([_user_row(_run(work))], as_json=as_json)


@users_app.command("suspend")
def suspend_user(who: Who, reason: Annotated[str | None, typer.Option(help="Why; kept with the user.")] = None) -> None:
    """Let a user not sign in any more, and end their sessions."""
    _run(lambda auth: _with_user(auth, who, lambda user: users.suspend(auth, user.id, reason)))
    typer.echo("Suspended.")


@users_app.command("restore")
def restore_user(who: Who) -> None:
    """Let a suspended user sign in again."""
    _run(lambda auth: _with_user(auth, who, lambda user: users.restore(auth, user.id)))
    typer.echo("Restored.")


@users_app.command("delete")
def delete_user(who: Who, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete a user and all that hangs on them."""
    if not yes:
        typer.confirm(f"Delete {who} for good?", abort=True)
    _run(lambda auth: _with_user(auth, who, lambda user: users.remove(auth, user.id)))
    typer.echo("Deleted.")


@sessions_app.command("list")
def list_sessions(
    who: Annotated[str | None, typer.Argument(help="Id or e-mail address; nobody: everybody.")] = None,
    *,
    as_json: AsJson = False,
    limit: Limit = 50,
) -> None:
    """List live sessions, newest first."""

    async def work(auth: Auth) -> list[dict[str, str]]:
        user_id = None if who is None else (await users.found(auth, who)).id
        page = await sessions.listed(auth, user_id, None, limit)
        keys = ("id", "user_id", "transport", "created_at", "seen_at", "address", "agent")
        return [{key: str(getattr(session, key)) for key in keys} for session in page.items]

    _show(_run(work), as_json=as_json)


@sessions_app.command("end")
def end_session(
    session: Annotated[UUID | None, typer.Argument(help="Id of the session.")] = None,
    *,
    user: Annotated[str | None, typer.Option(help="End all sessions of this user.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="End all sessions of everybody.")] = False,
) -> None:
    """End one session, those of a user, or all."""
    if (session is not None) + (user is not None) + everybody != 1:
        raise typer.BadParameter("Name one of: a session, --user, --all.")

    async def work(auth: Auth) -> int:
        where = {"id": session} if session else {}
        where = {"user_id": (await users.found(auth, user)).id} if user else where
        return await sessions.end(auth, where, "ended_by_administrator", BY_CLI)

    ended = _run(work)
    typer.echo(f"Ended: {ended}.")
    if not ended and session:
        raise typer.Exit(REFUSED)


@app.callback(invoke_without_command=True)
def _top(*, show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show_version:
        typer.echo(f"fam-auth {version('fam-auth')}")
        raise typer.Exit


def _run(work: Callable[[Auth], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - whatever the work gives
    async def closing() -> object:
        auth = Auth()
        try:
            return await work(auth)
        finally:
            await auth.close()

    return asyncio.run(closing())


async def _with_user(auth: Auth, who: str, act: Callable[[User], Coroutine[Any, Any, None]]) -> None:
    await act(await users.found(auth, who))


async def _diagnosis(check: Callable[[], Coroutine[Any, Any, object]]) -> str:
    try:
        differences = await check()
    except Misconfigured as error:
        return str(error)
    return "fine" if not differences else f"The tables differ from the models: {differences}"


def _user_row(user: User) -> dict[str, str]:
    keys = ("id", "email", "email_verified", "name", "created_at", "suspended_at")
    return {key: str(getattr(user, key)) for key in keys}


def _show(rows: Iterable[Mapping[str, str]], *, as_json: bool) -> None:
    """A table for people, or JSON for programs."""
    rows = list(rows)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        names = list(rows[0])
        widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names[:-1]}
        for row in ({name: name.upper() for name in names}, *rows):
            typer.echo("  ".join(row[name].ljust(widths.get(name, 0)) for name in names).rstrip())
    else:
        typer.echo("None.")


def _welcome(auth: Auth, url: str) -> str:
    lines = [
        f"fam-auth runs on {url}" + (f", its documentation on {url}/docs" if auth.settings.api_docs else ""),
        f"  database  {auth.database}",
        "Try first:",
        f"  curl -X POST {url}/auth/register -H 'Content-Type: application/json' \\",
        """    -d '{"email": "ada@example.com", "password": "seventeen green llamas"}'""",
    ]
    return "\n".join(lines)


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"fam-auth: {message}", err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
