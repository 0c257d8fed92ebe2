"""Mounting the hosted pages in an application."""

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fam_auth.auth import Auth
from fam_auth.exceptions import NotFound
from fam_auth.http import problems
from fam_auth.pages import account, email_links, files, history, sign_in, site
from fam_auth.pages.administration import configuration, dashboard, events, outbox, users
from fam_auth.pages.page import Page
from fam_auth.pages.route import error_page

KERNEL: tuple[APIRouter, ...] = (
    files.router,
    sign_in.router,
    email_links.router,
    account.router,
    history.router,
    dashboard.router,
    users.router,
    events.router,
    outbox.router,
    configuration.router,
)


def mount(app: FastAPI, auth: Auth, ours: APIRouter) -> None:
    """Add the pages of the kernel and of the features to our routes. Raises Misconfigured."""
    setattr(app.state, site.STATE, site.build(auth))
    brought = site.brought_by(auth).values()
    for router in (*KERNEL, *(router for one in brought for router in one.routers)):
        # Not include_router(), as in http/mount.py: it would add 20 ms.
        ours.routes.extend(router.routes)
    ours.default = _nothing_here(ours.default)


def _nothing_here(otherwise: ASGIApp) -> ASGIApp:
    """Answers unknown paths with an error page if the client accepts HTML, else with a problem."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await otherwise(scope, receive, send)
            return
        request = Request(scope)
        if "text/html" not in request.headers.get("accept", ""):
            await otherwise(scope, receive, send)
            return
        response = error_page(Page(request, None), NotFound())
        for header, value in problems.HEADERS.items():
            response.headers.setdefault(header, value)
        await response(scope, receive, send)

    return answer
