"""What an application is told about itself."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fam_auth import CurrentUser, install, needs
from fam_auth.testing import check_application
from tests.conftest import MakeAuth


class SessionMiddleware:
    """Named as the one of Starlette, which needs a package of its own to be imported."""

    def __init__(self, app: ASGIApp, *, secret_key: str, session_cookie: str) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Note(BaseModel):
    text: str


def host(make_auth: MakeAuth, **settings: Any) -> FastAPI:
    app = FastAPI()
    install(app, make_auth(mail="smtp://mail.example.com", **settings))
    return app


def told(app: FastAPI, **options: Any) -> list[str]:
    return [str(finding) for finding in check_application(app, **options)]


def test_an_application_without_an_auth() -> None:
    assert told(FastAPI()) == ["settings: The application has no Auth: call install(app, auth)."]


async def test_a_good_one_in_a_coroutine(make_auth: MakeAuth) -> None:
    app = host(make_auth)

    @app.get("/", dependencies=[needs.public])
    async def front(request: Request, response: Response) -> str:
        response.set_cookie("theme", "dark", secure=True, httponly=True, samesite="lax")
        return f"Welcome {await request.body()!r}"

    @app.get("/me/{name}")
    async def me(user: CurrentUser) -> str: ...  # type: ignore[empty-body]

    assert told(app) == []


def test_routes_that_say_nothing(make_auth: MakeAuth) -> None:
    app, below = host(make_auth), APIRouter()

    @below.post("/forgotten/{number}")
    async def forgotten(number: int) -> None: ...

    app.include_router(below)
    assert [finding.about for finding in check_application(app)] == ["POST /forgotten/{number}"]
    assert told(app, public=["/forgotten/{number}"]) == []


def test_cookies_without_flags_are_found(make_auth: MakeAuth) -> None:
    app = host(make_auth)
    app.add_middleware(SessionMiddleware, secret_key="x", session_cookie="cart")

    @app.get("/", dependencies=[needs.public])
    async def front(response: Response) -> None:
        response.set_cookie("theme", "dark", samesite=None)

    @app.get("/broken", dependencies=[needs.public])
    async def broken() -> None:
        raise ZeroDivisionError

    assert told(app) == [
        "cookies: cart is sent over plain HTTP: set SessionMiddleware(https_only=True).",
        "cookies: theme lacks Secure, HttpOnly, SameSite (set by GET /).",
    ]


class Limited:
    """A middleware that ends the matter."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            await Response(status_code=413)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def test_bodies_without_an_end(make_auth: MakeAuth) -> None:
    called: list[str] = []

    def noting() -> FastAPI:
        app = host(make_auth)

        @app.post("/notes", dependencies=[needs()])
        async def note(body: Note) -> None:
            called.append(body.text)

        @app.post("/bell", dependencies=[needs.public])
        async def bell() -> None:
            called.append("bell")

        return app

    [finding] = check_application(noting())
    assert (finding.subject, finding.about) == ("limits", "POST /notes")
    app = noting()
    app.add_middleware(Limited)
    assert told(app) == []
    assert called == []


def test_throttles_and_settings_that_were_loosened(make_auth: MakeAuth) -> None:
    app = host(make_auth, throttle={"network": "31/5m", "mail": "1/2m", "device": "10/10m"}, api_docs=True)
    app.debug = True
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
    assert [(one.subject, one.about) for one in check_application(app)] == [
        ("settings", "CORSMiddleware"),
        ("limits", "FAM_AUTH_THROTTLE__DEVICE"),
        ("limits", "FAM_AUTH_THROTTLE__NETWORK"),
        ("settings", "FastAPI(debug=True)"),
        ("settings", "FAM_AUTH_API_DOCS"),
    ]


@pytest.fixture
def database(sqlite_database: str) -> str:
    """One engine is enough: nothing here asks it."""
    return sqlite_database


def test_a_route_that_streams_its_answer_is_checked_too(make_auth: MakeAuth) -> None:
    """While it streams, Starlette waits for the client to leave."""
    app = host(make_auth)

    @app.get("/stream", dependencies=[needs.public])
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]))

    assert told(app) == []
