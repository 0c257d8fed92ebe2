"""The OpenAPI document: the application's own routes and ours, with what each of them requires."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI

from fam_auth.auth import Auth
from fam_auth.http.access_rules import rules
from fam_auth.http.credentials import SESSION_COOKIE, cookie_name
from fam_auth.schemas.problem import Problem

Document = dict[str, Any]
CONVERTOR = re.compile(r":\w+}")
"""The convertor of a path parameter (`{id:uuid}`), which OpenAPI paths do not contain."""


def described(app: FastAPI, auth: Auth, ours: APIRouter) -> Callable[[], Document]:
    """A function that returns the OpenAPI document of `app` with our routes included. It replaces `app.openapi`."""
    hosts = app.openapi

    def made() -> Document:
        if app.openapi_schema is None:
            document = hosts()
            _add(document, _own(auth, ours))
            document["components"].setdefault("securitySchemes", {}).update(schemes := _schemes(auth))
            _add_demands(document, app, [{name: []} for name in schemes])
            app.openapi_schema = document
        return app.openapi_schema

    return made


def _own(auth: Auth, ours: APIRouter) -> Document:
    """The document of our own routes."""
    alone = FastAPI()
    alone.include_router(ours, prefix=auth.prefix)
    document = alone.openapi()
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"].update({**schema.pop("$defs"), "Problem": schema})
    return document


def _add(document: Document, own: Document) -> None:
    """Merges our document into the host's. A schema whose name the host uses too is renamed to `FamAuth<name>`."""
    components = document.setdefault("components", {})
    theirs: Mapping[str, Any] = components.get("schemas", {})
    for name, schema in own["components"]["schemas"].items():
        if theirs.get(name, schema) != schema:
            own = _renamed(own, name)
    document["paths"] = {**document.get("paths", {}), **own["paths"]}
    for kind, entries in own["components"].items():
        components.setdefault(kind, {}).update(entries)


def _renamed(document: Document, name: str) -> Document:
    place = "#/components/schemas/"
    text = json.dumps(document).replace(f'"{place}{name}"', f'"{place}FamAuth{name}"')
    renamed: Document = json.loads(text)
    schemas = renamed["components"]["schemas"]
    schemas[f"FamAuth{name}"] = schemas.pop(name)
    return renamed


def _schemes(auth: Auth) -> Document:
    """The security schemes, one for each transport."""
    bearer: Document = {"type": "http", "scheme": "bearer", "description": "Access token from a sign-in."}
    if auth.settings.token_route:
        flow = {"scopes": {}, "tokenUrl": f"{auth.prefix}/token".lstrip("/")}
        bearer = {"type": "oauth2", "flows": {"password": flow}}
    cookie = {"type": "apiKey", "in": "cookie", "name": cookie_name(auth, SESSION_COOKIE)}
    schemes = {"bearer": bearer, "cookie": cookie}
    return {name: scheme for name, scheme in schemes.items() if name in auth.settings.transports}


def _add_demands(document: Document, app: FastAPI, ways: list[Document]) -> None:
    """Adds to each operation whether it requires a session, and its demands: in the description and as `x-needs`."""
    for rule in rules(app):
        operation = document["paths"].get(CONVERTOR.sub("}", rule.path), {}).get(rule.method.lower())
        if operation is None or rule.asks != "session":
            continue
        operation["security"] = [*operation.get("security", ()), *ways]
        if rule.demands:
            operation["x-needs"] = needed = [str(demand) for demand in rule.demands]
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds: {', '.join(needed)}.".strip()
