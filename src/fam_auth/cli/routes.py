"""`fam-auth routes`: what every route of an application requires."""

from typing import Annotated

import typer
from fastapi import FastAPI

from fam_auth.cli.common import MISUSED, REFUSED, AsJson, imported, show
from fam_auth.demands import Assurance
from fam_auth.http.access_rules import Rule, rules
from fam_auth.http.installed import installed_in


def list_routes(
    application: Annotated[str, typer.Argument(help="Application, as module:name.")] = "fam_auth.main:app",
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with code 1 if a route does not say who may call it.")
    ] = False,
    public: Annotated[
        list[str] | None, typer.Option(help="Path that is public on purpose. Repeat for more than one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every route with what it requires of the caller. Mark public routes with `dependencies=[needs.public]`."""
    app = imported(application)
    if not isinstance(app, FastAPI):
        typer.echo(f"fam-auth: {application} is not a FastAPI application.", err=True)
        raise typer.Exit(MISUSED)
    found, auth = rules(app), installed_in(app)
    transports = " ".join(auth.settings.transports) if auth else ""
    show([_row(rule, transports) for rule in found], as_json=as_json)
    silent = [rule for rule in found if rule.asks == "nothing" and rule.path not in (public or ())]
    if check and silent:
        typer.echo(f"fam-auth: Routes that do not say who may call them ({len(silent)}):", err=True)
        for rule in silent:
            typer.echo(f"  {rule.method} {rule.path}: add needs(...) or needs.public to its dependencies.", err=True)
        raise typer.Exit(REFUSED)


def _row(rule: Rule, transports: str) -> dict[str, str]:
    proofs = [str(demand) for demand in rule.demands if isinstance(demand, Assurance)]
    others = [str(demand) for demand in rule.demands if not isinstance(demand, Assurance)]
    return {
        "method": rule.method,
        "path": rule.path,
        "asks": rule.asks,
        "transport": transports if rule.asks == "session" else "",
        "proofs": ", ".join(proofs),
        "rights": ", ".join(others),
    }
