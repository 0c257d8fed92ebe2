"""Mounting our routes in an application."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

from fam_auth.auth import Auth
from fam_auth.exceptions import NotFound, Refusal
from fam_auth.http import openapi, problems


class _Below(Mount):
    """Everything below our prefix. Requests to other routes pass through here too, so the first check must be fast.

    `/auth` is answered as `/auth/`. The application would redirect it instead, to the host that the Host header names.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if self.path not in scope["path"]:
            return Match.NONE, {}
        if scope["path"].removeprefix(scope.get("root_path", "")) != self.path:
            return super().matches(scope)
        path = f"{scope['path']}/"
        match, child = super().matches({**scope, "path": path})
        return match, {**child, "path": path}


def mount(app: FastAPI, auth: Auth, routers: Sequence[APIRouter]) -> APIRouter:
    """Mount the routes of the kernel (`routers`) and of the features, and add them to the OpenAPI document.

    Returns the router that holds them all. Refusals raised in routes of the host become problems too.
    """
    # No redirects to a path without its trailing slash: Starlette builds the URL from the Host header, which the client
    # chooses, and a cache could store it.
    ours = APIRouter(default=_nothing_here, redirect_slashes=False)
    for router in (*routers, *(router for feature in auth.features for router in feature.routers(auth.settings))):
        # Not include_router(): FastAPI would then build each route again at the first request.
        ours.routes.extend(router.routes)
    # One mount instead of forty routes: each request to the host's own routes would have to try them all, and took a
    # third longer.
    app.router.routes.append(_Below(auth.prefix, ours))
    app.add_exception_handler(Refusal, _answer)
    # FastAPI documents this as the way to extend OpenAPI.
    app.openapi = openapi.described(app, auth, ours)  # type: ignore[method-assign]
    return ours


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers 404 as a problem for unknown paths below our prefix."""
    await problems.answer(NotFound(), HTTPConnection(scope))(scope, receive, send)


async def _answer(connection: HTTPConnection, refusal: Exception) -> Response:
    """Answers a Refusal in a route of the host as a problem. A WebSocket handshake is denied with its status."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - the handler is registered for this class alone
    return problems.answer(refusal, connection)
