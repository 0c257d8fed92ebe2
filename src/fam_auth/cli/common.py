"""What the commands share: an Auth for the length of a command, and answers for people and for programs."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Annotated, Any

import typer

from fam_auth.auth import Auth
from fam_auth.repository.data_access.managers import users
from fam_auth.values import Actor, Client, User

REFUSED, MISUSED, UNANSWERED = 1, 2, 3
BY_CLI = Actor(Client(agent="fam-auth command line"))

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")]
Who = Annotated[str, typer.Argument(help="Id or e-mail address.")]


def run(work: Callable[[Auth], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - whatever the work gives
    """Does the work with the Auth that the environment describes, and gives what it gave."""

    async def closing() -> object:
        auth = Auth()
        try:
            return await work(auth)
        finally:
            await auth.close()

    return asyncio.run(closing())


def run_for(who: str, act: Callable[[Auth, User], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - as `run`
    """The same for one user, named by id or address."""

    async def work(auth: Auth) -> object:
        return await act(auth, await users.found(auth, who))

    return run(work)


def show(rows: Iterable[Mapping[str, str]], *, as_json: bool) -> None:
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
