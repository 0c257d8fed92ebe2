"""S-012 of the requirements: breached passwords are looked up in a range API, which may fail and never learns them."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from fam_auth import Auth, cli
from fam_auth.exceptions import InvalidRequest, Misconfigured
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password, changes, managers
from fam_auth.features.password.breached import Unanswered, halves, is_among
from fam_auth.features.role import Role
from fam_auth.models import Event
from fam_auth.repository.data_access.managers import users
from tests.conftest import SECRETS
from tests.support import breaches
from tests.support.breaches import RangeApi, range_api
from tests.support.people import OPERATOR, PASSWORD, Person, World
from tests.support.service import free_port
from tests.support.tables import dump
from tests.support.tls import certify, serving

# What a list of breached passwords answers does not depend on the database.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
BREACHED = "forty blue herons"
FINE = "eleven purple yaks"
SUFFIX = "1E4C9B93F3F0682250B6CF8331B7EE68FD8"  # of the SHA-1 of "password"

FAULTS: dict[str, tuple[Any, str]] = {
    "drips": (breaches.drips, "no response within 0.4 s"),
    "drips headers": (breaches.drips_headers, "no response within 0.4 s"),
    "never ends": (breaches.never_ends, "more than 1,000,000 bytes"),
    "error": (breaches.says(500), "HTTP 500"),
    "nothing there": (breaches.says(404), "HTTP 404"),
    "leads elsewhere": (breaches.says(302, Location="http://localhost:1/"), "HTTP 302"),
    "empty": (breaches.says(200), "the response is not a range of hashes"),
    "a page": (
        breaches.says(200, b"<html>Please sign in to this network</html>"),
        "the response is not a range of hashes",
    ),
    "compressed": (
        breaches.says(200, b"\x1f\x8b\x08", Content_Encoding="gzip"),
        "the response is not a range of hashes",
    ),
    "cut off": (breaches.says(200, b"0:1", Content_Length="100"), "request failed (RemoteProtocolError)"),
    "hangs up": (lambda *_: None, "request failed (RemoteProtocolError)"),
}


@pytest.fixture
def api() -> Iterator[RangeApi]:
    """An API that knows one password."""
    with range_api() as listening:
        listening.counts = {BREACHED: 3}
        yield listening


@pytest.fixture
async def watched(open_world: OpenWorld, api: RangeApi) -> World:
    """An application that asks the range API."""
    return await open_world(profile="development", features=[asking(api), Otp(), Role()])


def asking(api: RangeApi, *, seconds: float = 3) -> Password:
    """The feature, which waits for so long."""
    return Password(breached_url=api.url, breached_timeout=timedelta(seconds=seconds))


async def outages(world: World) -> list[Any]:
    """The events about the range API."""
    wanted = select(Event.outcome, Event.user_id, Event.detail).where(Event.kind == "password.breach_check_failed")
    return await world.auth.database.rows(wanted)


async def signed_in(world: World, email: str = "ada@example.com") -> Person:
    person = await world.person(email)
    await person.register()
    await person.verify()
    await person.login()
    return person


def refused(answer: httpx2.Response) -> tuple[int, str, str]:
    """The status, the field and the code of an answer."""
    [error] = answer.json()["errors"]
    return answer.status_code, error["field"], error["code"]


async def test_s012_a_breached_password_is_refused_wherever_one_is_chosen(watched: World, api: RangeApi) -> None:
    ada, new = await signed_in(watched), {"new_password": BREACHED}
    bob = await watched.person("bob@example.com")
    bob.password = BREACHED
    assert refused(await bob.register()) == (422, "password", "password_blocklisted")
    change = {"current_password": PASSWORD, **new}
    assert refused(await ada.http.post("/auth/password/change", json=change))[1:] == (
        "new_password",
        "password_blocklisted",
    )
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    reset = {"token": await ada.link_token(), **new}
    assert refused(await ada.http.post("/auth/password/reset", json=reset))[0] == 422
    await changes.invite(watched.auth, "eve@example.com", None, OPERATOR)
    eve = await watched.person("eve@example.com")
    chosen = {"token": await eve.link_token(), **new}
    assert refused(await eve.http.post("/auth/password/reset", json=chosen))[0] == 422
    with pytest.raises(InvalidRequest):
        await managers.create(watched.auth, "joe@example.com", BREACHED, None, verified=True)
    await changes.compromise(watched.auth, await users.found(watched.auth, ada.email), OPERATOR)
    stranger = Person(watched, ada.email, await watched.client())
    began = (await stranger.login()).json()
    stranger.http.headers["Authorization"] = f"Login {began['login_token']}"
    assert refused(await stranger.http.post("/auth/password/change", json=change))[0] == 422
    assert {one.path for one in api.asked[-6:]} == {f"/range/{halves(BREACHED)[0]}"}
    # Nothing was used up by that.
    assert (await eve.http.post("/auth/password/reset", json={**chosen, "new_password": FINE})).status_code == 204
    change["new_password"] = FINE
    assert (await stranger.http.post("/auth/password/change", json=change)).json()["status"] == "complete"
    assert await outages(watched) == []


async def test_s012_the_answer_is_that_of_the_offline_list(watched: World, api: RangeApi) -> None:
    bob = await watched.person("bob@example.com")
    said = []
    for bob.password in (BREACHED, "password123456"):
        answer = (await bob.register()).json()
        answer.pop("request_id")
        said.append(answer)
    assert said[0] == said[1]
    assert len(api.asked) == 1


async def test_s012_a_count_of_zero_is_padding(watched: World, api: RangeApi) -> None:
    api.counts = {BREACHED: 0}
    bob = await watched.person("bob@example.com")
    bob.password = BREACHED
    assert (await bob.register()).status_code == 202
    assert len(api.asked) == 1


async def test_s012_a_server_that_hangs_is_not_waited_for(open_world: OpenWorld, api: RangeApi) -> None:
    api.misbehaves = breaches.hangs
    world = await open_world(profile="development", features=[Password(breached_url=api.url)])
    bob = await world.person("bob@example.com")
    began = time.perf_counter()
    assert (await bob.register()).status_code == 202
    assert time.perf_counter() - began < 1.5
    assert await outages(world) == [("failure", None, {"reason": "no response within 1 s"})]
    bob.password = "password123456"
    assert refused(await bob.register())[0] == 422


@pytest.mark.parametrize("fault", FAULTS)
async def test_s012_the_offline_list_decides_when_there_is_no_answer(
    open_world: OpenWorld, api: RangeApi, fault: str
) -> None:
    api.misbehaves, reason = FAULTS[fault]
    seconds = 0.4 if "within" in reason else 3
    world = await open_world(profile="development", features=[asking(api, seconds=seconds)])
    bob = await world.person("bob@example.com")
    bob.password = BREACHED
    assert (await bob.register()).status_code == 202
    assert await outages(world) == [("failure", None, {"reason": reason})]


async def test_s012_registration_succeeds_when_the_server_is_down(open_world: OpenWorld, api: RangeApi) -> None:
    api.url = f"http://127.0.0.1:{free_port()}"
    world = await open_world(profile="development", features=[asking(api)])
    assert (await (await world.person("bob@example.com")).register()).status_code == 202
    assert await outages(world) == [("failure", None, {"reason": "request failed (ConnectError)"})]


async def test_s012_an_outage_is_recorded_once_a_minute(watched: World, api: RangeApi) -> None:
    api.misbehaves = breaches.says(503)
    crowd = [await watched.person(f"bob{number}@example.com") for number in range(5)]
    await asyncio.gather(*(one.register() for one in crowd))
    assert len(api.asked) == 5
    assert len(await outages(watched)) == 1
    watched.clock.travel(seconds=58)
    await crowd[0].register()
    assert len(await outages(watched)) == 1
    watched.clock.travel(seconds=3)
    await crowd[0].register()
    assert len(await outages(watched)) == 2


async def test_s012_five_characters_are_all_that_leaves(
    watched: World, api: RangeApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await signed_in(watched)
    [asked] = api.asked
    digest = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()  # noqa: S324 - what the API goes by
    assert asked.path == f"/range/{digest[:5]}"
    assert asked.headers == {
        "host": api.url.split("/")[2],
        "user-agent": "fam-auth",
        "accept": "text/plain",
        "accept-encoding": "identity",
        "add-padding": "true",
    }
    for kept in (caplog.text, str(await dump(watched))):
        assert digest[:5] not in kept.upper()


async def test_s012_the_api_is_not_called_without_need(watched: World, api: RangeApi) -> None:
    """Not at a login, not for passwords on the offline list, and not while the user types."""
    ada = await signed_in(watched)
    assert len(api.asked) == 1
    await ada.login()
    ada.password = BREACHED
    await ada.login()
    poor = await watched.person("bob@example.com")
    for poor.password in ("short", "password123456", "bob bob bob"):
        await poor.register()
    check = await ada.http.post("/auth/password/check", json={"password": BREACHED})
    assert check.json()["acceptable"]
    assert len(api.asked) == 1


async def test_s012_the_api_is_not_called_unless_configured(world: World, api: RangeApi) -> None:
    assert world.auth.of(Password).breached is None
    ada = await signed_in(world)
    change = {"current_password": PASSWORD, "new_password": BREACHED}
    assert (await ada.http.post("/auth/password/change", json=change)).status_code == 204
    assert api.asked == []


async def test_s012_s103_a_rate_limited_registration_does_not_call_the_api(
    open_world: OpenWorld, api: RangeApi
) -> None:
    features = [asking(api)]
    world = await open_world(profile="development", features=features, throttle={"register_network": "2/1h"})
    statuses = [(await (await world.person(f"bob{number}@example.com")).register()).status_code for number in range(4)]
    assert statuses == [202, 202, 429, 429]
    assert len(api.asked) == 2


async def test_s012_an_outage_does_not_delay_other_requests(open_world: OpenWorld, api: RangeApi) -> None:
    """While more wait for the range API than may be hashed, with one connection to the database, others sign in."""
    features = [asking(api)]
    world = await open_world(profile="development", features=features, pool_size=1)
    ada = await signed_in(world)
    api.misbehaves = breaches.hangs
    places = world.auth.hasher.threads * 5
    waiting: list[asyncio.Task[Any]] = []
    for number in range(places + 2):
        one = await world.person(f"bob{number}@example.com")
        waiting.append(asyncio.create_task(one.register()))
        await asyncio.to_thread(api.wait, number + 2)
    assert (await ada.login()).status_code == 200
    assert not any(task.done() for task in waiting)
    api.is_over.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202] * len(waiting)


async def test_s012_the_certificate_is_the_one_of_the_name(
    open_world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "others").mkdir()
    others = certify(tmp_path / "others", "localhost")[0]
    with range_api(serving(tmp_path, "localhost")) as api:
        api.counts = {BREACHED: 1}
        told = []
        for trusted, status in ((tmp_path / "fullchain.pem", 422), (others, 202)):
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            world = await open_world(features=[asking(api)])
            bob = await world.person("bob@example.com")
            bob.password = BREACHED
            assert (await bob.register()).status_code == status
            told.append(await outages(world))
        assert len(api.asked) == 1
        assert told == [[], [("failure", None, {"reason": "request failed (ConnectError)"})]]


@pytest.mark.parametrize(
    "url",
    [
        "api.pwnedpasswords.com",
        "ftp://api.pwnedpasswords.com/range",
        "https://",
        "https:///range",
        "https://user:password@example.com/range",
        "https://example.com/range?x=1",
        "https://example.com/range#x",
        "https://example.com:0/range",
        "https://example.com:99999/range",
        "https://exa mple.com/range",
        "http://api.pwnedpasswords.com/range",
        "http://10.0.0.1/range",
        "HTTP://127.0.0.1/range",
    ],
)
def test_s012_an_invalid_url_stops_the_start(url: str) -> None:
    with pytest.raises(Misconfigured, match="FAM_AUTH_PASSWORD__BREACHED_URL"):
        Password(breached_url=url)


def test_s012_plain_http_is_accepted_only_in_development_on_localhost() -> None:
    for url in ("http://127.0.0.1:8080/range/", "http://[::1]/range", "http://localhost"):
        feature = Password(breached_url=url)
        assert feature.breached_url == url.rstrip("/")
        Auth("sqlite+aiosqlite:///./none.db", features=[feature], secrets=SECRETS)
        with pytest.raises(Misconfigured, match=r"BREACHED_URL uses plain HTTP.* Use https"):
            Auth(
                "sqlite+aiosqlite:///./none.db",
                features=[feature],
                profile="production",
                secrets=SECRETS,
                mail="console:",
                public_url="https://example.com",
            )
    assert Password(breached_url="").breached_url is None


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=3.1)])
def test_s012_a_timeout_has_bounds(timeout: timedelta) -> None:
    with pytest.raises(Misconfigured, match="FAM_AUTH_PASSWORD__BREACHED_TIMEOUT"):
        Password(breached_timeout=timeout)


def test_s012_a_hash_is_cut_behind_five_characters() -> None:
    assert halves("password") == ("5BAA6", SUFFIX)
    assert halves("é") != halves("e\u0301")


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (f"{SUFFIX}:1", True),
        (f"{SUFFIX}:0", False),
        (f"{SUFFIX.lower()}:52256179\r\n", True),
        (f"{'0' * 35}:9\n{SUFFIX}:2\n", True),
        (f"{'0' * 35}:9\r\n{'F' * 35}:1", False),
        (f"{SUFFIX}:0\r\n{SUFFIX}:1", True),
    ],
)
def test_s012_a_range_is_read(body: str, known: bool) -> None:
    assert is_among(SUFFIX, body.encode()) is known


@pytest.mark.parametrize(
    "body", ["", "\r\n", SUFFIX, f"{SUFFIX}:", f"{SUFFIX}:x", f"{SUFFIX}:-1", f"5BAA6{SUFFIX}:1", f"{SUFFIX}:1\r\nx"]
)
def test_s012_a_malformed_range_is_an_outage(body: str) -> None:
    with pytest.raises(Unanswered):
        is_among(SUFFIX, body.encode())


@pytest.mark.parametrize("command", [("users", "create"), ("create-admin",)], ids=" ".join)
def test_s012_the_command_line_calls_the_api_too(
    command: tuple[str, ...],
    sqlite_database: str,
    api: RangeApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FAM_AUTH_DATABASE", sqlite_database)
    monkeypatch.setenv("FAM_AUTH_PASSWORD__BREACHED_URL", api.url)
    for password, code in ((BREACHED, 1), (FINE, 0)):
        monkeypatch.setattr("sys.argv", ["fam-auth", *command, "ada@example.com", "--stdin"])
        monkeypatch.setattr("sys.stdin", StringIO(f"{password}\n"))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed
        assert ("too easy to guess" in printed.err) is (code == 1)
    assert len(api.asked) == 2
