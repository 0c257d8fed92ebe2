"""A WebSocket ends with the session that opened it, whatever its peer, its route or the database do meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from fam_auth import Auth, CurrentSession, CurrentUser, User, install, needs, recent_proof
from fam_auth.demands import Demand, permission
from fam_auth.features.role.demands import all_of, any_of
from fam_auth.http import watched_socket
from fam_auth.http.sockets import SIGNED_OUT, sockets_of
from fam_auth.install import running
from fam_auth.models import Session as Stored
from fam_auth.models import User as StoredUser
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.repository.data_access.queries.users import by_id, locked
from fam_auth.values import Actor, Client, Session
from tests.conftest import MakeAuth
from tests.support.people import Clock
from tests.support.site import Site, codes, drained, reset, site
from tests.support.statements import asked_of

# WebSockets read sessions as the stories do, which run on both engines.
pytestmark = pytest.mark.engines("postgresql")

ACTOR = Actor(Client())
EDIT = permission("edit")
FRESH = recent_proof(within=timedelta(minutes=3))
# The default of the oldest uvicorn that is promised, which newer ones warn of.
OLD = pytest.param(
    "websockets",
    marks=[
        pytest.mark.filterwarnings("ignore::DeprecationWarning"),
        pytest.mark.filterwarnings("ignore::uvicorn.config.UvicornDeprecationWarning"),
    ],
)
IMPLEMENTATIONS = pytest.mark.parametrize("implementation", ["websockets-sansio", OLD])


class Unclear(Demand):
    """A demand of the host's own with a fault in it, from a moment on."""

    fails = False

    def __str__(self) -> str:
        return "unclear"

    def check(self, auth: Auth, session: Session, connection: Any) -> None:
        if self.fails:
            raise KeyError(session.id)


@dataclass
class Seen:
    """Routes of a host that use a WebSocket in different ways, and what they have seen of it."""

    ends: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    sent: int = 0
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def router(self, unclear: Demand) -> APIRouter:
        """All of them."""

        async def slow(_: CurrentUser) -> None:
            self.said.append("slow")
            await self.may_go_on.wait()

        async def slowly(
            websocket: WebSocket, _: Annotated[None, Depends(slow)], __: Annotated[Any, needs(EDIT)]
        ) -> None:
            await self.echo(websocket)

        made = APIRouter()
        made.add_api_websocket_route("/slow", slowly)
        for route in (self.flood, self.deaf, self.session):
            made.add_api_websocket_route(f"/{route.__name__}", route, dependencies=[needs()])
        demanding: dict[str, list[Demand]] = {
            "/echo": [],
            "/edit": [EDIT],
            "/fresh": [FRESH],
            "/either": [any_of(FRESH, EDIT)],
            "/all": [any_of(all_of(FRESH, EDIT), permission("nothing"))],
            "/unclear": [unclear],
        }
        for path, demands in demanding.items():
            made.add_api_websocket_route(path, self.echo, dependencies=[needs(*demands)])
        return made

    async def echo(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                self.said.append(await websocket.receive_text())
                await websocket.send_text(self.said[-1])
        except WebSocketDisconnect as end:
            self.ends.append(end.code)

    async def session(self, websocket: WebSocket, _: CurrentSession, __: CurrentUser) -> None:
        await self.echo(websocket)

    async def flood(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_bytes(bytes(1024))
                self.sent += 1
                await asyncio.sleep(0)
        except WebSocketDisconnect as end:
            self.ends.append(end.code)

    async def deaf(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await self.may_go_on.wait()
        try:
            await websocket.send_text("secret")
        except WebSocketDisconnect as end:
            self.ends.append(end.code)


@dataclass
class Host:
    """A host on a real socket, what its routes saw, and what its claims are."""

    site: Site
    clock: Clock
    seen: Seen
    unclear: Unclear
    claimed: dict[str, Any]
    ada: User

    @property
    def auth(self) -> Auth:
        return self.site.auth

    async def end_all(self, db: AsyncSession | None = None) -> None:
        """Ends every session."""
        await sessions.end(self.auth, {}, "ended_by_administrator", ACTOR, db=db)


OpenHost = Callable[..., Any]


@pytest.fixture
async def open_host(make_auth: MakeAuth, clock: Clock) -> AsyncIterator[OpenHost]:
    """Starts a host; keywords are settings, `options` those of uvicorn."""
    contexts = []

    async def opened(options: dict[str, object] | None = None, **settings: Any) -> Host:
        auth, app, seen, unclear = make_auth(**settings), FastAPI(), Seen(), Unclear()
        claimed: dict[str, Any] = {"permissions": ["edit"]}

        @auth.claims
        async def claims(user: User, _: AsyncSession) -> dict[str, Any]:
            if user.email == "broken@example.com" and "fault" in claimed:
                raise RuntimeError(claimed["fault"])
            return claimed

        app.include_router(seen.router(unclear))
        install(app, auth, worker=False)
        contexts.append(site(app, auth, **(options or {})))
        started = await contexts[-1].__aenter__()
        return Host(started, clock, seen, unclear, claimed, await started.user())

    yield opened
    for context in contexts:
        await context.__aexit__(None, None, None)


@pytest.fixture
async def host(open_host: OpenHost) -> Host:
    made: Host = await open_host()
    return made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a peer is waited for, less than in production."""
    assert 1 < watched_socket.PATIENCE <= 10
    monkeypatch.setattr(watched_socket, "PATIENCE", 0.5)
    return 0.5


async def until(holds: Callable[[], object], seconds: float = 5) -> None:
    """Returns once it holds; raises TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - several sides are looked at
            await asyncio.sleep(0.02)


@IMPLEMENTATIONS
async def test_a_socket_on_a_real_server_ends_with_its_session(open_host: OpenHost, implementation: str) -> None:
    host: Host = await open_host({"ws": implementation})
    _, token = await host.site.session(host.ada)
    peers = await host.site.opened("/echo", token, many=2)
    began = time.monotonic()
    await host.end_all()
    assert await codes(peers) == [4401, 4401]
    assert time.monotonic() - began < 2
    await until(lambda: host.seen.ends == [4401, 4401])


async def test_a_peer_that_was_reset_does_not_keep_the_others_open(host: Host) -> None:
    _, token = await host.site.session(host.ada)
    gone = [await host.site.raw("/deaf", token) for _ in range(3)]
    peers = await host.site.opened("/echo", token, many=2)
    gone += [await host.site.raw("/deaf", token) for _ in range(3)]
    for peer in gone:
        reset(peer)
    await until(lambda: host.site.connections == 2)
    await host.end_all()
    assert await codes(peers, 2) == [4401, 4401]


async def test_a_change_is_not_lost_while_the_database_is_away(host: Host) -> None:
    """It goes away in the moment of the sign-out: the feed is read once more, and the sessions cannot be."""
    _, token = await host.site.session(host.ada)
    table = "auth_session" if host.auth.database.is_sqlite else "fam_auth.auth_session"
    async with host.site.open("/echo", token) as peer:
        async with host.auth.transaction() as db:
            await host.end_all(db)
            await db.execute(text(f"ALTER TABLE {table} RENAME TO away"))
        await asyncio.sleep(1.5)
        await peer.send("still open")
        assert await peer.recv() == "still open"
        await host.auth.database.rows(
            text(f"ALTER TABLE {table.replace('auth_session', 'away')} RENAME TO auth_session")
        )
        assert await codes([peer], 3) == [4401]


@IMPLEMENTATIONS
async def test_a_peer_that_does_not_read_is_cut_off_and_delays_no_other(
    open_host: OpenHost, patience: float, implementation: str
) -> None:
    host: Host = await open_host({"ws": implementation, "ws_per_message_deflate": False})
    _, token = await host.site.session(host.ada)
    deaf = [await host.site.raw("/flood", token) for _ in range(3)]
    peers = await host.site.opened("/echo", token, many=2)
    await until(lambda: host.seen.sent > 100)
    before = -1
    while before != host.seen.sent:
        before = host.seen.sent
        await asyncio.sleep(0.3)
    await host.end_all()
    assert await codes(peers, 1.5) == [4401, 4401]
    await until(lambda: host.site.connections == 0, 4 * patience + 1)
    assert sorted(host.seen.ends) == [4401] * 5
    assert host.seen.sent == before
    for peer in deaf:
        await drained(peer)
        peer.close()


async def test_a_peer_that_does_not_answer_is_cut_off(host: Host, patience: float) -> None:
    """The close frame was sent, and its peer keeps the connection for itself."""
    _, token = await host.site.session(host.ada)
    mute = await host.site.raw("/deaf", token)
    await host.end_all()
    assert b"\x88\x02\x11\x31" in await drained(mute, 3 + patience)
    await until(lambda: host.site.connections == 0)
    host.seen.may_go_on.set()
    await until(lambda: host.seen.ends == [4401])
    mute.close()


async def test_a_socket_that_has_ended_delivers_nothing_more(open_host: OpenHost, patience: float) -> None:
    """A peer that talks while it is closed is not heard, and a route that talks all the time ends."""
    host: Host = await open_host()
    _, token = await host.site.session(host.ada)
    peers = [await host.site.raw("/echo", token), await host.site.raw("/flood", token)]
    await until(lambda: host.seen.sent)
    await host.end_all()
    talking = asyncio.create_task(talk(peers[0]))
    await until(lambda: len(host.seen.ends) == 2)
    said, sent = len(host.seen.said), host.seen.sent
    await asyncio.sleep(2 * patience)
    assert (len(host.seen.said), host.seen.sent) == (said, sent)
    talking.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await talking
    for peer in peers:
        peer.close()


async def talk(peer: Any) -> None:
    """Sends frames as fast as the server reads them (RFC 6455, 5.2; masked with zeros)."""
    while True:
        await asyncio.get_running_loop().sock_sendall(peer, b"\x81\x82\x00\x00\x00\x00hi")
        await asyncio.sleep(0.001)


async def test_a_socket_that_is_not_accepted_yet_is_denied(host: Host) -> None:
    """A session that ends while a later dependency is slow."""
    _, token = await host.site.session(host.ada)
    opening = asyncio.create_task(status(host, "/slow", token))
    await until(lambda: host.seen.said)
    await host.end_all()
    assert await asyncio.wait_for(opening, 5) == 403
    host.seen.may_go_on.set()


async def test_a_right_lost_during_a_slow_dependency_denies_the_socket(host: Host) -> None:
    """The demand comes after the slow dependency, so it was not known when the change was announced."""
    _, token = await host.site.session(host.ada)
    opening = asyncio.create_task(opened(host, "/slow", token))
    await until(lambda: host.seen.said)
    host.claimed["permissions"] = []
    await outdate(host.auth, host.ada)
    await asyncio.sleep(1.2)
    host.seen.may_go_on.set()
    assert await codes([await opening], 2) == [4403]


async def test_a_socket_ends_when_the_time_of_its_demand_is_over(host: Host) -> None:
    """Nothing changes; the proof grows too old, and only due sessions are queried."""
    _, token = await host.site.session(host.ada)
    async with host.site.open("/fresh", token) as peer, host.site.open("/edit", token) as other:
        # A feed that was read for the first time says that all may have changed.
        await asyncio.sleep(0.7)
        asked = asked_of(host.auth)
        host.clock.travel(minutes=2)
        await asyncio.sleep(0.7)
        assert asked == []
        host.clock.travel(minutes=2)
        assert await codes([peer], 2) == [4403]
        assert len(asked) == 1
        await other.send("still here")
        assert await other.recv() == "still here"


async def test_a_change_of_another_user_takes_no_query(host: Host, make_auth: MakeAuth) -> None:
    eve, other, (_, token) = await host.site.user("eve@example.com"), make_auth(), await host.site.session(host.ada)
    async with host.site.open("/edit", token):
        await asyncio.sleep(0.7)
        asked = asked_of(host.auth)
        await users.rename(other, eve.id, {"name": "Eve"}, ACTOR)
        await asyncio.sleep(0.9)
        assert asked == []
    await other.close()


@pytest.mark.parametrize("path", ["/either", "/all"])
async def test_a_demand_of_several_holds_as_long_as_one_of_them(host: Host, path: str) -> None:
    _, token = await host.site.session(host.ada)
    async with host.site.open(path, token) as peer:
        host.clock.travel(minutes=4)
        await asyncio.sleep(0.7)
        asked = asked_of(host.auth)
        if path == "/either":
            await asyncio.sleep(0.7)
            assert asked == []
            host.claimed["permissions"] = []
            await outdate(host.auth, host.ada)
        assert await codes([peer], 2) == [4403]


async def test_a_socket_ends_when_its_grant_expires(host: Host) -> None:
    host.claimed["until"] = host.auth.until(timedelta(minutes=5))
    _, token = await host.site.session(host.ada)
    async with host.site.open("/edit", token) as peer, host.site.open("/echo", token) as other:
        host.claimed |= {"until": host.auth.until(timedelta(minutes=9))}
        host.clock.travel(minutes=6)
        await asyncio.sleep(1.2)
        await peer.send("granted anew")
        assert await peer.recv() == "granted anew"
        host.claimed |= {"permissions": [], "until": None}
        host.clock.travel(minutes=4)
        assert await codes([peer], 2) == [4403]
        await other.send("needs no grant")
        assert await other.recv() == "needs no grant"


@pytest.mark.parametrize("used", [False, True])
async def test_an_open_socket_does_not_keep_a_session_from_being_idle(open_host: OpenHost, used: bool) -> None:
    """A use elsewhere does, as the row shows."""
    host: Host = await open_host(session_idle="PT30M")
    session, token = await host.site.session(host.ada)
    async with host.site.open("/session", token) as peer:
        host.clock.travel(minutes=20)
        await peer.send("a message is no use")
        await peer.recv()
        if used:
            await sessions.extend(host.auth, session)
        host.clock.travel(minutes=12)
        if used:
            await asyncio.sleep(0.7)
            asked = asked_of(host.auth)
            await asyncio.sleep(0.7)
            assert asked == []
            host.clock.travel(minutes=20)
        assert await codes([peer], 2) == [4401]


async def test_a_socket_of_a_cached_session_is_not_ended_as_idle(open_host: OpenHost) -> None:
    """The cached session was read long ago and used since; the row has the use by then."""
    host: Host = await open_host(session_idle="PT30M", access_lifetime="PT2H")
    _, token = await host.site.session(host.ada)
    for _ in range(3):
        async with host.site.open("/echo", token):
            host.clock.travel(minutes=20)
            await asyncio.sleep(1.2)
    async with host.site.open("/echo", token) as peer:
        await peer.send("still here")
        assert await peer.recv() == "still here"


async def test_the_last_moment_of_a_session_needs_no_database(host: Host) -> None:
    _, token = await host.site.session(host.ada)
    async with host.site.open("/echo", token) as peer:
        asked = asked_of(host.auth)
        host.clock.travel(days=31)
        assert await codes([peer], 2) == [4401]
        assert asked == []


async def test_a_sign_out_between_the_check_and_the_watch_ends_the_socket(host: Host) -> None:
    """The database's response takes so long that the feed has announced the sign-out before it arrives."""
    session, token = await host.site.session(host.ada)
    arrived, go_on, row = asyncio.Event(), asyncio.Event(), host.auth.database.row

    async def slow(statement: Any, db: AsyncSession | None = None) -> Row[Any] | None:
        found = await row(statement, db)
        arrived.set()
        await go_on.wait()
        return found

    host.auth.database.row = slow  # type: ignore[method-assign]
    opening = asyncio.create_task(opened(host, "/echo", token))
    await arrived.wait()
    host.auth.database.row = row  # type: ignore[method-assign]
    await sessions.end(host.auth, {"id": session.id}, "logout", ACTOR)
    await asyncio.sleep(1.2)
    go_on.set()
    assert await codes([await opening], 2) == [4401]


async def test_a_session_that_is_checked_twice_at_once_ends_once(host: Host) -> None:
    _, token = await host.site.session(host.ada)
    async with host.site.open("/echo", token) as peer:
        sockets = sockets_of(host.auth)
        await host.end_all()
        sockets.hear(host.auth, {None})
        await asyncio.gather(sockets.judge(host.auth), sockets.judge(host.auth))
        assert await codes([peer], 2) == [4401]


async def test_claims_that_cannot_be_computed_affect_only_their_own_user(host: Host) -> None:
    """Their sockets end, because their rights are unknown; those of others are checked."""
    broken, eve = await host.site.user("broken@example.com"), await host.site.user("eve@example.com")
    tokens = [(await host.site.session(user))[1] for user in (broken, host.ada, eve)]
    peers = [await host.site.open("/edit", token) for token in tokens]
    host.claimed["fault"] = "the host's own"
    for user in (broken, host.ada, eve):
        await outdate(host.auth, user)
    await asyncio.sleep(1.5)
    await peers[1].send("still here")
    assert await peers[1].recv() == "still here"
    assert await codes(peers[:1], 2) == [4403]
    host.claimed["permissions"] = []
    await outdate(host.auth, host.ada)
    await outdate(host.auth, eve)
    assert await codes(peers[1:], 3) == [4403, 4403]


async def test_a_locked_user_delays_no_other_socket(postgres_only: None, host: Host) -> None:
    """Their claims cannot be computed until then; they are checked when they can."""
    eve = await host.site.user("eve@example.com")
    tokens = [(await host.site.session(user))[1] for user in (host.ada, eve)]
    peers = [await host.site.open("/edit", token) for token in tokens]
    async with host.auth.database.engine.connect() as holder:
        for user in (host.ada, eve):
            await outdate(host.auth, user)
        await holder.execute(locked(host.ada.id))
        host.claimed["permissions"] = []
        assert await codes(peers[1:], 4) == [4403]
        await asyncio.sleep(1.5)
        await peers[0].send("still open")
        assert await peers[0].recv() == "still open"
    assert await codes(peers[:1], 4) == [4403]


async def test_expired_claims_end_a_socket_even_if_new_ones_cannot_be_read(postgres_only: None, host: Host) -> None:
    """The row of the user is locked, so that no answer comes; that the time is up needs none."""
    _, token = await host.site.session(host.ada)
    peer = await host.site.open("/edit", token)
    async with host.auth.database.engine.connect() as holder:
        await outdate(host.auth, host.ada)
        await holder.execute(locked(host.ada.id))
        await asyncio.sleep(1.5)
        host.clock.travel(seconds=6)
        assert await codes([peer], 6) == [4403]


async def test_a_demand_with_a_fault_in_it_ends_its_own_socket_alone(host: Host) -> None:
    _, token = await host.site.session(host.ada)
    async with host.site.open("/unclear", token) as peer, host.site.open("/echo", token) as other:
        host.unclear.fails = True
        await users.rename(host.auth, host.ada.id, {"name": "Augusta"}, ACTOR)
        assert await codes([peer], 2) == [4403]
        await host.end_all()
        assert await codes([other], 2) == [4401]


async def test_a_session_that_cannot_be_read_ends_its_own_socket_alone(host: Host) -> None:
    """Say, a newer version has written a kind of proof that this one does not know."""
    (session, token), (_, other_token) = await host.site.session(host.ada), await host.site.session(host.ada)
    async with host.site.open("/echo", token) as peer, host.site.open("/echo", other_token) as other:
        proofs = [{"method": "x", "kind": "unheard of", "at": "2026-11-23T12:00:00+00:00"}]
        await host.auth.database.rows(update(Stored).where(Stored.id == session.id).values(proofs=proofs))
        await users.rename(host.auth, host.ada.id, {"name": "Augusta"}, ACTOR)
        assert await codes([peer], 2) == [4401]
        await other.send("still here")
        assert await other.recv() == "still here"


async def test_strict_checks_every_socket_and_survives_a_lost_database(open_host: OpenHost) -> None:
    host: Host = await open_host(session_check="strict")
    _, token = await host.site.session(host.ada)
    table = "auth_session" if host.auth.database.is_sqlite else "fam_auth.auth_session"
    async with host.site.open("/echo", token) as peer:
        asked = asked_of(host.auth)
        await asyncio.sleep(1.2)
        assert len(asked) >= 2
        await host.auth.database.rows(text(f"ALTER TABLE {table} RENAME TO away"))
        await asyncio.sleep(1.2)
        away = table.replace("auth_session", "away")
        await host.auth.database.rows(text(f"ALTER TABLE {away} RENAME TO auth_session"))
        await peer.send("still here")
        assert await peer.recv() == "still here"
        # As another process does that neither shares this memory nor, in an older version, writes the feed.
        await host.auth.database.rows(update(Stored).values(ended_at=host.auth.now()))
        assert await codes([peer], 2) == [4401]


async def test_sockets_of_a_mounted_application_end_as_well(make_auth: MakeAuth) -> None:
    """Its own lifespan does not run: the outer application enters `running(auth)`."""
    auth, inner, seen = make_auth(), FastAPI(), Seen()
    inner.include_router(seen.router(Unclear()))
    install(inner, auth)
    outer = FastAPI(lifespan=lambda _: running(auth))
    outer.mount("/inner", inner)
    async with site(outer, auth) as started:
        _, token = await started.session(await started.user())
        async with started.open("/inner/echo", token) as peer:
            await sessions.end(auth, {}, "ended_by_administrator", ACTOR)
            assert await codes([peer], 2) == [4401]


async def test_behind_a_middleware_that_wraps_receive_the_route_ends_all_the_same(
    make_auth: MakeAuth, patience: float
) -> None:
    """The connection cannot be reached from there: the server closes it, in its own time."""
    auth, app, seen = make_auth(), FastAPI(), Seen()
    app.include_router(seen.router(Unclear()))
    install(app, auth)

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def receiving() -> Message:
            return await receive()

        await app(scope, receiving, send)

    async with site(wrapped, auth) as started:
        _, token = await started.session(await started.user())
        mute = await started.raw("/flood", token)
        await until(lambda: seen.sent > 10)
        await sessions.end(auth, {}, "ended_by_administrator", ACTOR)
        await until(lambda: seen.ends == [4401])
        sent = seen.sent
        await asyncio.sleep(2 * patience)
        assert seen.sent == sent
        reset(mute)


async def test_a_timeout_of_the_routes_own_stays_one(host: Host) -> None:
    """The route may give up waiting for the peer, and an error of the server is not taken for an end."""

    async def receive() -> Any:
        raise TimeoutError

    async def send(message: Any) -> None:
        raise OSError(message)

    session, _ = await host.site.session(host.ada)
    one = watched_socket.WatchedSocket(WebSocket({"type": "websocket"}, receive, send), session, ())
    with pytest.raises(TimeoutError):
        await one.receive()
    one.shut(SIGNED_OUT)
    await one.close()
    assert await one.receive() == {"type": "websocket.disconnect", "code": 4401, "reason": ""}


async def test_a_socket_without_running_logs_a_warning(
    make_auth: MakeAuth, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    session, token = await host.site.session(host.ada)
    async with host.site.open("/echo", token):
        assert "running(auth)" not in caplog.text
    auth = make_auth()
    peer: asyncio.Queue[Any] = asyncio.Queue()
    sockets_of(auth).add(auth, WebSocket({"type": "websocket"}, peer.get, peer.put), session, ())
    assert "running(auth)" in caplog.text
    await auth.close()


@pytest.fixture
def postgres_only(database: str) -> None:
    """SQLite lets one write at a time."""
    if database.startswith("sqlite"):
        pytest.skip("a row is locked there together with all others")


async def outdate(auth: Auth, user: User) -> None:
    """What a feature does that has changed the claims of a user."""
    async with auth.transaction() as db:
        await sessions.outdate_claims(auth, db, by_id(user.id).with_only_columns(StoredUser.id))


async def opened(host: Host, path: str, token: str) -> ClientConnection:
    return await host.site.open(path, token)


async def status(host: Host, path: str, token: str) -> int:
    """With which status a handshake is denied."""
    with pytest.raises(InvalidStatus) as denied:
        await host.site.open(path, token)
    return denied.value.response.status_code
