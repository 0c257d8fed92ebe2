"""What every route of an application requires, read from its dependencies before any request."""

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

Access = Literal["session", "login", "public", "nothing"]
# The dependencies that declare that a route works without a session.
DECLARES: dict[Any, Access] = {maybe_login_token: "login", same_site: "public", is_public: "public"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route requires.

    `asks` is `session` (which must meet `demands`), `login` (the token of a login in progress), `public`, or `nothing`
    when the route declares nothing about access. `reads_body` is true if it takes a body.
    """

    method: str
    path: str
    asks: Access
    demands: tuple[Demand, ...] = ()
    reads_body: bool = False


def rules(app: FastAPI) -> list[Rule]:
    """The rules of all routes of an application and of applications mounted in it, in the order they were added."""
    return list(_of(app, ""))


def ready(app: FastAPI, auth: Auth) -> None:
    """Raises Misconfigured when a route has a demand that no user can ever meet.

    Call it in the lifespan, when all routes are there. It also warns in the log when the server itself rewrites client
    addresses from X-Forwarded-For, which bypasses FAM_AUTH_TRUSTED_PROXIES.
    """
    if not auth.settings.is_development and forwarded.is_rewriting():
        forwarded.warn(forwarded.REWRITES)
    for rule in rules(app):
        for demand in rule.demands:
            demand.ready(auth, rule.path)


def _of(app: object, prefix: str) -> Iterator[Rule]:
    # FastAPI's documentation routes declare nothing, but are public on purpose.
    own = {getattr(app, f"{name}_url", None) for name in ("openapi", "docs", "redoc", "swagger_ui_oauth2_redirect")}
    for route in _flat(getattr(app, "routes", ())):
        if isinstance(route, Mount):
            yield from _of(route.app, prefix + route.path)
            continue
        dependant = getattr(route, "dependant", None)
        calls = [] if dependant is None else list(_calls(dependant))
        demands = tuple(demand for call in calls if isinstance(call, SignedIn) for demand in call.demands)
        asks: Access = "public" if dependant is None and route.path in own else _access(calls)
        for method in sorted(getattr(route, "methods", None) or {"WEBSOCKET"}):
            yield Rule(method, prefix + route.path, asks, demands, dependant is not None and _reads_body(dependant))


def _flat(routes: Sequence[Any]) -> Iterator[Any]:
    """The routes one by one. Newer versions of FastAPI keep an included router as a single route."""
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


def _access(calls: Sequence[Any]) -> Access:
    if any(isinstance(call, SignedIn) for call in calls):
        return "session"
    found = [DECLARES[call] for call in calls if not isinstance(call, SignedIn) and call in DECLARES]
    return "login" if "login" in found else next(iter(found), "nothing")
