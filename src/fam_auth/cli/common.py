"""Shared by the commands: run work with an Auth, and print results as a table or as JSON."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer

from fam_auth.auth import Auth
from fam_auth.core import refusals
from fam_auth.core.languages import ENGLISH, Texts
from fam_auth.exceptions import FamAuthError, Misconfigured, NotFound, Refusal, Unavailable
from fam_auth.http.installed import installed_in
from fam_auth.repository.data_access.managers import users
from fam_auth.values import Actor, Client, User

REFUSED, MISUSED, UNANSWERED = 1, 2, 3
BY_CLI = Actor(Client(agent="fam-auth command line"))

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of rows.")]
Who = Annotated[str, typer.Argument(help="Id or e-mail address of the user.")]


class Refused(FamAuthError):
    """A command was refused; the message is that of the service."""

    def __init__(self, refusal: Refusal, texts: Texts) -> None:
        errors = refusals.errors(texts, ENGLISH, refusal.members().get("errors", ()))
        super().__init__(" ".join([refusals.detail(texts, ENGLISH, refusal), *(one["message"] for one in errors)]))
        self.is_unanswered = isinstance(refusal, Unavailable)


def imported(target: str) -> object:
    """The object `module:name`, imported from the working directory too. Raises Misconfigured."""
    module, _, name = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise Misconfigured(
            f"Cannot import {target} ({error}). Write it as module:name, such as app.main:app."
        ) from error


def loaded(target: str) -> Auth:
    """The Auth `module:name`, or the Auth of the FastAPI application with that name. Raises Misconfigured."""
    found = imported(target)
    auth = found if isinstance(found, Auth) else installed_in(found)
    if auth is None:
        raise Misconfigured(f"{target} is neither an Auth nor an application with an installed Auth.")
    return auth


async def find_user(auth: Auth, who: str) -> User:
    """The user with this id or this address. Raises NotFound, whose message names it."""
    try:
        return await users.found(auth, who)
    except NotFound as error:
        raise NotFound(f"No user with the {'address' if '@' in who else 'id'} {who}.") from error


def run(
    work: Callable[[Auth], Coroutine[Any, Any, Any]], given: Auth | None = None, *, missing: str | None = None
) -> Any:  # noqa: ANN401 - whatever
    """Runs the work with an Auth (None: the one from the environment), and returns its result.

    `missing` is the message for a NotFound that has none of its own.
    """

    async def closing() -> object:
        auth = given or Auth()
        try:
            return await work(auth)
        except Refusal as refusal:
            is_missing = missing is not None and refusal.detail == NotFound().detail
            raise Refused(NotFound(missing) if is_missing else refusal, auth.texts) from refusal
        finally:
            await auth.close()

    return asyncio.run(closing())


def run_for(who: str, act: Callable[[Auth, User], Coroutine[Any, Any, Any]], *, missing: str | None = None) -> Any:  # noqa: ANN401 - as `run`
    """Runs the work for the user with this id or address."""

    async def work(auth: Auth) -> object:
        return await act(auth, await find_user(auth, who))

    return run(work, missing=missing)


def show(rows: Iterable[Mapping[str, str]], *, as_json: bool) -> None:
    """Prints the rows as a table or as JSON."""
    rows = list(rows)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        names = list(rows[0])
        widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names[:-1]}
        for row in ({name: name.upper() for name in names}, *rows):
            typer.echo("  ".join(row[name].ljust(widths.get(name, 0)) for name in names).rstrip())
    else:
        typer.echo("Nothing to show.")
