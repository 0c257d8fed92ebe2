"""`fam-auth adopt`: import the users of another application, with their passwords."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from fam_auth.auth import Auth
from fam_auth.cli.common import BY_CLI, REFUSED, AsJson, loaded, run, show
from fam_auth.core import migrations
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password.adoption import files, managers, tables
from fam_auth.features.password.adoption.judging import Reading
from fam_auth.features.password.adoption.managers import Plan
from fam_auth.features.password.adoption.report import MEANINGS, Report
from fam_auth.features.password.adoption.rows import Columns, Source, Wanted
from fam_auth.features.password.adoption.tables import Place
from fam_auth.features.password.imported_hashes import Writer, firebase
from fam_auth.features.password.imported_hashes.firebase import Project

SHOWN = 20  # skipped rows; --json has all of them
app = typer.Typer(help="Import users from another application, with their passwords.", no_args_is_help=True)
FASTAPI_USERS = Columns(hash="hashed_password", names=(), created=None)
DJANGO = Columns(
    hash="password", names=("first_name", "last_name"), created="date_joined", verified=None, active="is_active"
)
FIREBASE = Columns(
    id="localId",
    hash="passwordHash",
    salt="salt",
    names=("displayName",),
    created="createdAt",
    verified="emailVerified",
    active=None,
    disabled="disabled",
)
Url = Annotated[
    str,
    typer.Argument(
        envvar="DATABASE_URL",
        show_default=False,
        help="Database URL of the application, such as postgresql://user:password@host/name.",
    ),
]
Table = Annotated[str, typer.Option(help="Table or view with the users.")]
Schema = Annotated[
    str | None, typer.Option(help="Schema of the table. If omitted, the default schema of the database.")
]
File = Annotated[Path, typer.Argument(show_default=False, help="File to import, in UTF-8.")]


class Digests(StrEnum):
    """The programs that wrote plain digests. An Enum, because typer below 0.19 does not support Literal."""

    DJANGO = "django"
    WERKZEUG = "werkzeug"


def _column(what: str) -> Any:  # noqa: ANN401 - what typer makes of an option
    return typer.Option(help=f"Column with {what}.", rich_help_panel="Columns")


@dataclass(frozen=True)
class Options:
    """The options of every source: `with_options` turns each field into an option of the command."""

    id_column: Annotated[str | None, _column("the id, which must be unique and never change")] = None
    email_column: Annotated[str | None, _column("the address")] = None
    hash_column: Annotated[str | None, _column("the password hash")] = None
    name_column: Annotated[
        list[str] | None, _column("the name. Repeat it to join several, such as first and last name")
    ] = None
    created_column: Annotated[str | None, _column("the time at which the account was created")] = None
    verified_column: Annotated[str | None, _column("the flag of users whose address is verified")] = None
    active_column: Annotated[str | None, _column("the flag of users who may sign in")] = None
    disabled_column: Annotated[str | None, _column("the flag of users who may not sign in")] = None
    verified: Annotated[
        bool | None,
        typer.Option(
            "--verified/--unverified", help="Treat all addresses as verified, or none, regardless of any column."
        ),
    ] = None
    digests: Annotated[
        Digests | None,
        typer.Option(help="What wrote hashes such as sha1$salt$..., which Django and Werkzeug compute differently."),
    ] = None
    key_prefix: Annotated[
        str, typer.Option(help="Prefix for each id, such as shop:, if ids from several applications could collide.")
    ] = ""
    unknown_as_none: Annotated[
        bool, typer.Option("--unknown-as-none", help="Import users whose hash is not supported without a password.")
    ] = False
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Rows per transaction.")] = 200
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, without changing anything.")] = (
        False
    )
    as_json: AsJson = False
    application: Annotated[
        str | None,
        typer.Option("--app", help="Application or Auth to import into, as module:name. If omitted, the service."),
    ] = None

    def wanted(self, usual: Columns) -> Wanted:
        """The usual column names, and those given instead."""
        named = {"id": self.id_column, "email": self.email_column, "hash": self.hash_column}
        named |= {"created": self.created_column, "verified": self.verified_column}
        named |= {"active": self.active_column, "disabled": self.disabled_column}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        return Wanted(usual, given | ({"names": tuple(self.name_column)} if self.name_column else {}))


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with an option for each field instead of its parameter `options`."""
    names = [one.name for one in fields(Options)]

    @wraps(command)
    def expanded(**given: Any) -> None:
        options = Options(**{name: given.pop(name) for name in names})
        command(**given, options=options)

    own = [one for one in signature(command).parameters.values() if one.name != "options"]
    more = [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type) for one in fields(Options)
    ]
    expanded.__dict__["__signature__"] = Signature([*own, *more])
    expanded.__annotations__ = {one.name: one.annotation for one in [*own, *more]}
    return expanded


@app.command("fastapi-users")
@with_options
def adopt_fastapi_users(url: Url, *, table: Table = "user", schema: Schema = None, options: Options) -> None:
    """Import users from fastapi-users (SQLAlchemyBaseUserTable, with UUIDs or integer ids)."""
    _adopt(tables.opened("fastapi-users", Place(url, table, schema), options.wanted(FASTAPI_USERS)), options)


@app.command("sqlalchemy")
@with_options
def adopt_sqlalchemy(url: Url, *, table: Table = "users", schema: Schema = None, options: Options) -> None:
    """Import users from any table or view.

    The default columns are id, email, password_hash and, if present, name, created_at, is_verified and is_active.
    """
    _adopt(tables.opened("sqlalchemy", Place(url, table, schema), options.wanted(Columns())), options)


@app.command("django")
@with_options
def adopt_django(url: Url, *, table: Table = "auth_user", schema: Schema = None, options: Options) -> None:
    """Import users from Django's auth_user, or from your own user model (--table)."""
    source = tables.opened("django", Place(url, table, schema), options.wanted(DJANGO))
    _adopt(source, options, writer="django")


@app.command("csv")
@with_options
def adopt_csv(file: File, *, options: Options) -> None:
    """Import users from a CSV file. Its first line names the columns; the defaults are those of `sqlalchemy`."""
    _adopt(files.opened_csv(file, options.wanted(Columns())), options)


@app.command("json")
@with_options
def adopt_json(
    file: File,
    *,
    member: Annotated[str | None, typer.Option("--list", help="Key of the list, if the file is an object.")] = None,
    project: Annotated[
        Path | None,
        typer.Option("--firebase", help="File with the project's hash parameters. FILE is then a Firebase export."),
    ] = None,
    options: Options,
) -> None:
    """Import users from a JSON file: one object per line, a list, or a Firebase export (--firebase)."""
    found = None if project is None else _project(project)
    usual, member = (Columns(), member) if found is None else (FIREBASE, member or "users")
    _adopt(files.opened_json(file, options.wanted(usual), member), options, project=found)


def _project(path: Path) -> Project:
    try:
        return firebase.project(path.read_text())
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{path} does not have the hash parameters that the Firebase console shows: {error}."
        ) from error


def _adopt(source: Source, options: Options, *, writer: Writer | None = None, project: Project | None = None) -> None:
    if options.verified is None and source.columns.verified is None:
        raise Misconfigured(
            "No column says whether addresses are verified. Use --verified if the application verified every address "
            "before sign-in. Otherwise use --unverified: users then verify their address at the next sign-in."
        )
    if options.digests is not None:
        writer = options.digests.value
    reading = Reading(writer, project, options.verified, options.key_prefix, options.unknown_as_none)
    plan = Plan(reading, BY_CLI, options.batch, options.dry_run)
    bar: Any = typer.progressbar(length=0, label="Checking" if options.dry_run else "Importing", file=sys.stderr)

    def tell(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    async def work(auth: Auth) -> Report:
        await migrations.check(auth.database, auth.histories)
        return await managers.adopt(auth, source, plan, tell)

    with bar:
        report = run(work, loaded(options.application) if options.application else None)
    _print(report, options)
    if report.skipped or source.without_id:
        raise typer.Exit(REFUSED)


def _print(report: Report, options: Options) -> None:
    if options.as_json:
        skipped = [{"row": one.label, "why": one.kind} for one in report.skipped]
        typer.echo(
            json.dumps({"dry_run": options.dry_run, "rows": report.rows, "kinds": report.kinds, "skipped": skipped})
        )
        return
    rows = [(kind, report.kinds[kind], meaning) for kind, meaning in MEANINGS.items() if report.kinds[kind]]
    show(({"kind": kind, "rows": str(count), "meaning": meaning} for kind, count, meaning in rows), as_json=False)
    for one in report.skipped[:SHOWN]:
        typer.echo(f"row {one.label}: {one.kind}")
    if len(report.skipped) > SHOWN:
        typer.echo(f"and {len(report.skipped) - SHOWN} more. Use --json to print all of them.")
    if options.dry_run:
        typer.echo("This was a dry run. Nothing was changed.")
