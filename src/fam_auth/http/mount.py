"""Our routes among those of an application."""

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
    """What is below a prefix. Other requests come by here, too, so that they have to be let go at a glance.

    The prefix itself is answered as the prefix with a slash: the application would redirect it, to whatever address the
    Host header names.
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
    """The routes of the kernel (`routers`) and of the features, in one router; they are in the OpenAPI document too."""
    # No redirect to a path without its last slash: Starlette takes the address from the Host header, which anybody
    # may send, and caches and log files keep what they see.
    ours = APIRouter(default=_nothing_here, redirect_slashes=False)
    for router in (*routers, *(router for feature in auth.features for router in feature.routers(auth.settings))):
        # As they are: to include them, FastAPI derives each route anew at the first request.
        ours.routes.extend(router.routes)
    # One place to look at for all other requests: with forty routes among the host's own, each of those cost a third.
    app.router.routes.append(_Below(auth.prefix, ours))
    app.add_exception_handler(Refusal, _answer)
    # FastAPI's documented way to change the document.
    app.openapi = openapi.described(app, auth, ours)  # type: ignore[method-assign]
    return ours


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """A path below ours that is none of ours."""
    await problems.answer(NotFound(), HTTPConnection(scope))(scope, receive, send)


async def _answer(connection: HTTPConnection, refusal: Exception) -> Response:
    """A refusal in a route of the host: a problem, for WebSockets too (the handshake is denied with its status)."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - the handler is registered for this class alone
    return problems.answer(refusal, connection)
