"""What the reference describes: an application that has every feature which is installed, with all its routes."""

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from fastapi import FastAPI

from fam_auth import Auth, Feature, install
from fam_auth.auth import GROUP

SECRETS = "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2"


def features() -> list[type[Feature]]:
    """Every feature of ours, by name."""
    found = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    return [found[name] for name in sorted(found) if found[name].__module__.startswith("fam_auth.")]


@cache
def auth() -> Auth:
    """An Auth with every feature, each with its switches on, so that no route hides."""
    switches: Any = {feature: dict.fromkeys(_switches(feature), True) for feature in features()}
    on = [feature(**switches[feature]) for feature in features()]
    return Auth("sqlite+aiosqlite:///./none.db", features=on, profile="development", secrets=SECRETS)


@cache
def app() -> FastAPI:
    """The application with this Auth and no route of its own."""
    made = FastAPI(title="fam-auth")
    install(made, auth())
    return made


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the application."""
    described: dict[str, Any] = app().openapi()
    return described


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Every operation of the document by its route, as in `POST /auth/login`."""
    paths = document()["paths"].items()
    return [(f"{method.upper()} {path}", one) for path, item in paths for method, one in item.items()]


def _switches(feature: type[Feature]) -> list[str]:
    return [name for name, field in feature.model_fields.items() if field.annotation is bool]
