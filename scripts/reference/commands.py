"""The page of the command line: every command with what it takes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from typer.main import get_command

from fam_auth import cli
from scripts.reference.words import table

HEAD = """\
# Commands

`fam-auth` reads the same settings as the service. Every command that prints a list has `--json`. `fam-auth COMMAND --help` prints the text of this page for one command."""

KINDS = {int: "NUMBER", datetime: "TIME", UUID: "ID"}


def page() -> str:
    """Every command, in alphabetical order."""
    return "\n\n".join([HEAD, f"{cli.EPILOG}", *(_section(*one) for one in commands())]) + "\n"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command as one types it, and what click knows of it."""
    yield from _below("fam-auth", get_command(cli.app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer brings its own click
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in sorted(inner.items()):
        yield from _below(f"{name} {word}", one)


def _section(name: str, command: Any) -> str:  # noqa: ANN401 - as above
    usage = [name, *(_argument(one) for one in command.params if one.param_type_name == "argument")]
    lines = [f"## {name}", f"`{' '.join(usage)}`", " ".join((command.help or "").split())]
    rows = [[f"`{_spelt(one)}`", _meaning(one)] for one in command.params if one.name != "help"]
    if rows:
        lines.append(table(["argument or option", "meaning"], rows))
    return "\n\n".join(lines)


def _argument(parameter: Any) -> str:  # noqa: ANN401 - as above
    name = parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _spelt(parameter: Any) -> str:  # noqa: ANN401 - as above
    if parameter.param_type_name == "argument":
        return str(parameter.name.upper())
    names = ", ".join(parameter.opts + parameter.secondary_opts)
    kind = parameter.type_descriptor.annotation
    return names if kind is bool else f"{names} {KINDS.get(kind, 'TEXT')}"


def _meaning(parameter: Any) -> str:  # noqa: ANN401 - as above
    said = str(getattr(parameter, "help", None) or "")
    known = parameter.default
    shown = known is not None and not parameter.required and not isinstance(known, bool) and str(known)
    return f"{said} Default: {known}.".strip() if shown else said
