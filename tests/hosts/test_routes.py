"""CurrentUser, CurrentSession and needs() in every kind of route a host may have."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from fam_auth import Auth, CurrentAuth, CurrentSession, CurrentUser, Proof, install, needs, recent_proof, second_factor
from fam_auth.exceptions import Misconfigured
from fam_auth.pipeline import Complete, Progress
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.values import Claims, Client, Kind, Transport
from tests.conftest import MakeAuth
from tests.support.people import Clock

# Routes of a host read sessions as the stories do, which run on both engines.
pytestmark = pytest.mark.engines("postgresql")

OWN, FOREIGN = "https://app.example.com", "https://evil.example"

routes = APIRouter()


@routes.get("/async")
async def in_a_coroutine(user: CurrentUser, session: CurrentSession) -> str:
    assert user.id == session.user_id
    return user.email


@routes.get("/thread")
def in_a_thread(user: CurrentUser, session: CurrentSession) -> str:
    assert user.id == session.user_id
    return user.email


def greeting(user: CurrentUser) -> str:
    return user.email


@routes.get("/nested")
async def in_a_dependency(greeted: Annotated[str, Depends(greeting)]) -> str:
    return greeted


@routes.get("/recent", dependencies=[needs(recent_proof(within=timedelta(minutes=5)))])
async def recent() -> str:
    return "ada@example.com"


@routes.get("/strong", dependencies=[needs(second_factor())])
def strong() -> str:
    return "ada@example.com"


@routes.get("/both", dependencies=[needs(second_factor(), recent_proof(within=timedelta(minutes=5)))])
def both() -> str:
    return "ada@example.com"


@routes.get("/strong-and-recent", dependencies=[needs(second_factor(within=timedelta(minutes=10)))])
async def strong_and_recent() -> str:
    return "ada@example.com"


@routes.post("/change")
async def change(user: CurrentUser) -> str:
    return user.email


@routes.websocket("/socket")
async def socket(websocket: WebSocket, user: CurrentUser, session: CurrentSession, auth: CurrentAuth) -> None:
    await websocket.accept()
    assert session.expires_at > auth.now()
    await websocket.send_text(user.email)
    await websocket.close()


@routes.websocket("/socket/strong", dependencies=[needs(second_factor(within=timedelta(minutes=10)))])
async def strong_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("ada@example.com")
    await websocket.close()


def challenge(assurance: str, seconds: int | None) -> str:
    """RFC 9470, 3."""
    age = "" if seconds is None else f', max_age="{seconds}"'
    return f'Bearer error="insufficient_user_authentication", acr_values="{assurance}"{age}'


@routes.websocket("/socket/open")
async def open_socket(websocket: WebSocket, user: CurrentUser) -> None:
    await websocket.accept()
    await websocket.send_text(user.email)
    async for said in websocket.iter_text():
        await websocket.send_text(said)


@routes.websocket("/socket/recent", dependencies=[needs(recent_proof(within=timedelta(minutes=3)))])
async def recent_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("open")
    with suppress(WebSocketDisconnect):
        await websocket.receive_text()


@dataclass
class Host:
    """A running host, and Ada, who may sign in to it in any way."""

    http: TestClient
    auth: Auth

    def sign_in(self, *methods: str, transport: Transport = "bearer") -> dict[str, str]:
        """The header of a session that rests on these proofs."""
        assert self.http.portal
        complete = self.http.portal.call(self._session, methods or ("password",), transport)
        if complete.tokens:
            return {"Authorization": f"Bearer {complete.tokens.access_token}"}
        return {"Cookie": f"__Host-fam_session={complete.cookie}"}

    def socket(self, path: str, headers: dict[str, str]) -> str:
        """The first message of the socket."""
        with self.http.websocket_connect(path, headers=headers) as websocket:
            return websocket.receive_text()

    async def _session(self, methods: tuple[str, ...], transport: Transport) -> Complete:
        kinds = {"password": Kind.KNOWLEDGE, "otp": Kind.POSSESSION}
        proofs = tuple(Proof(method, kinds[method], self.auth.now()) for method in methods)
        async with self.auth.transaction() as db:
            ada = await users.create(self.auth, "ada@example.com", verified=True, db=db)
            return await sessions.start(self.auth, db, Progress(ada, proofs, transport, Client()), Claims({}))


@pytest.fixture
def host(make_auth: MakeAuth) -> Iterator[Host]:
    app = FastAPI()
    app.include_router(routes)
    auth = make_auth()
    install(app, auth)
    with TestClient(app, OWN) as http:
        yield Host(http, auth)


@pytest.mark.parametrize("transport", ["bearer", "cookie"])
def test_who_is_signed_in(host: Host, transport: Transport) -> None:
    header = host.sign_in(transport=transport)
    for path in ("/async", "/thread", "/nested", "/recent"):
        assert (host.http.get(path).status_code, host.http.get(path, headers=header).json()) == (401, "ada@example.com")
    assert host.socket("/socket", header) == "ada@example.com"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer fams_x"}, {"Cookie": "__Host-fam_session=famc_x"}])
def test_a_handshake_without_a_session_is_answered_with_401(host: Host, header: dict[str, str]) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:
        host.socket("/socket", header)
    assert (denied.value.status_code, denied.value.json()["code"]) == (401, "unauthenticated")
    assert denied.value.headers["Content-Type"] == "application/problem+json"


def test_another_site_cannot_open_a_socket_with_the_cookie(host: Host) -> None:
    cookie = host.sign_in(transport="cookie")
    with pytest.raises(WebSocketDenialResponse) as denied:
        host.socket("/socket", cookie | {"Origin": FOREIGN})
    assert (denied.value.status_code, denied.value.json()["code"]) == (403, "cross_site")
    assert host.socket("/socket", cookie | {"Origin": OWN}) == "ada@example.com"


def test_a_bearer_token_is_the_programs_own_whatever_site_it_runs_on(host: Host) -> None:
    assert host.socket("/socket", host.sign_in() | {"Origin": FOREIGN}) == "ada@example.com"


def test_another_site_changes_nothing_in_a_route_of_the_host(host: Host) -> None:
    cookie = host.sign_in(transport="cookie")
    refused = host.http.post("/change", headers=cookie | {"Origin": FOREIGN})
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert host.http.post("/change", headers=cookie | {"Origin": OWN}).json() == "ada@example.com"


@pytest.mark.parametrize(
    ("path", "methods", "minutes", "wanted"),
    [
        ("/recent", ["password"], 4, None),
        ("/recent", ["password"], 6, ("aal1", 300)),
        ("/strong", ["password"], 0, ("aal2", None)),
        ("/strong", ["password", "otp"], 60, None),
        ("/strong-and-recent", ["password"], 0, ("aal2", 600)),
        ("/strong-and-recent", ["password", "otp"], 9, None),
        ("/strong-and-recent", ["password", "otp"], 11, ("aal2", 600)),
        ("/both", ["password", "otp"], 4, None),
        ("/both", ["password"], 4, ("aal2", None)),
        ("/both", ["password", "otp"], 6, ("aal1", 300)),
    ],
)
def test_a_route_enforces_its_demands(
    host: Host, clock: Clock, path: str, methods: list[str], minutes: int, wanted: tuple[str, int | None] | None
) -> None:
    header = host.sign_in(*methods, transport="cookie")
    clock.travel(minutes=minutes)
    answer = host.http.get(path, headers=header)
    if wanted is None:
        assert answer.json() == "ada@example.com"
    else:
        assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
        assert answer.json()["lacking"] == {"assurance": wanted[0], "max_age": wanted[1]}
        assert answer.headers["WWW-Authenticate"] == challenge(*wanted)


def test_a_socket_enforces_its_demands(host: Host, clock: Clock) -> None:
    header = host.sign_in("password", "otp", transport="cookie")
    assert host.socket("/socket/strong", header) == "ada@example.com"
    clock.travel(minutes=11)
    with pytest.raises(WebSocketDenialResponse) as denied:
        host.socket("/socket/strong", header)
    assert denied.value.headers["WWW-Authenticate"] == challenge("aal2", 600)


def test_the_document_of_the_host_names_both_ways_to_sign_in(host: Host) -> None:
    document = host.http.get("/openapi.json").json()
    assert document["paths"]["/async"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert document["paths"]["/recent"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "cookie"}


def test_without_install_a_route_says_what_is_missing() -> None:
    app = FastAPI()
    app.include_router(routes)
    with TestClient(app) as http, pytest.raises(Misconfigured, match="install\\(app, auth\\)"):
        http.get("/async")


def test_a_socket_ends_with_its_session(host: Host) -> None:
    header = host.sign_in()
    with host.http.websocket_connect("/socket/open", headers=header) as websocket:
        websocket.receive_text()
        began = time.monotonic()
        assert host.http.post("/auth/logout", headers=header).status_code == 204
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 4401
        assert time.monotonic() - began < 2


def test_a_socket_ends_when_its_demand_is_no_longer_met(host: Host, clock: Clock) -> None:
    header = host.sign_in()
    with host.http.websocket_connect("/socket/recent", headers=header) as websocket:
        websocket.receive_text()
        clock.travel(minutes=4)
        assert host.http.patch("/auth/me", json={"name": "Augusta"}, headers=header).status_code == 200
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 4403


def test_a_socket_outlives_what_changes_nothing_for_it(host: Host) -> None:
    header = host.sign_in()
    with host.http.websocket_connect("/socket/open", headers=header) as websocket:
        websocket.receive_text()
        host.http.patch("/auth/me", json={"name": "Augusta"}, headers=header)
        time.sleep(1.2)
        websocket.send_text("still here")
        assert websocket.receive_text() == "still here"
