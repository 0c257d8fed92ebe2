"""What every route of an application asks for, read from its dependencies: FastAPI knows them before any request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from starlette.routing import Mount

from fam_auth.auth import Auth
from fam_auth.core import forwarded
from fam_auth.demands import Demand
from fam_auth.http.authentication import SignedIn, is_public
from fam_auth.http.login_request import maybe_login_token, same_site

Asked = Literal["session", "login", "public", "nothing"]
# What lets a route pass without a session, and says so.
SAYS: dict[Any, Asked] = {maybe_login_token: "login", same_site: "public", is_public: "public"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route asks for: a session that meets the demands, the token of a login under way, or nobody at all.

    `asks` is `nothing` when the route says nothing about it. `reads_body` when it takes a body.
    """

    method: str
    path: str
    asks: Asked
    demands: tuple[Demand, ...] = ()
    reads_body: bool = False


def rules(app: FastAPI) -> list[Rule]:
    """The rules of all routes of an application and of the applications mounted in it, as they were added."""
    return list(_of(app, ""))


def ready(app: FastAPI, auth: Auth) -> None:
    """Raises Misconfigured when a route of the application asks for what nobody can have.

    To be called in the lifespan: the log is told of a server that stands before us and rewrites addresses.
    """
    if not auth.settings.is_development and forwarded.is_rewriting():
        forwarded.warn(forwarded.REWRITES)
    for rule in rules(app):
        for demand in rule.demands:
            demand.ready(auth, rule.path)


def _of(app: object, prefix: str) -> Iterator[Rule]:
    own = {getattr(app, f"{name}_url", None) for name in ("openapi", "docs", "redoc", "swagger_ui_oauth2_redirect")}
    for route in _flat(getattr(app, "routes", ())):
        if isinstance(route, Mount):
            yield from _of(route.app, prefix + route.path)
            continue
        dependant = getattr(route, "dependant", None)
        calls = [] if dependant is None else list(_calls(dependant))
        demands = tuple(demand for call in calls if isinstance(call, SignedIn) for demand in call.demands)
        asks: Asked = "public" if dependant is None and route.path in own else _asked(calls)
        for method in sorted(getattr(route, "methods", None) or {"WEBSOCKET"}):
            yield Rule(method, prefix + route.path, asks, demands, dependant is not None and _reads_body(dependant))


def _flat(routes: Sequence[Any]) -> Iterator[Any]:
    """Newer versions of FastAPI keep an included router as one route."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from (context.starlette_route or context for context in contexts())


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _reads_body(dependant: Dependant) -> bool:
    return bool(dependant.body_params) or any(_reads_body(one) for one in dependant.dependencies)


def _asked(calls: Sequence[Any]) -> Asked:
    if any(isinstance(call, SignedIn) for call in calls):
        return "session"
    found = [SAYS[call] for call in calls if not isinstance(call, SignedIn) and call in SAYS]
    return "login" if "login" in found else next(iter(found), "nothing")
