"""Webhooks over real HTTP on loopback: signed, at least once, nowhere else."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from fam_auth import Auth
from fam_auth.events import class_of
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password import Password
from fam_auth.features.webhook import Endpoint, Webhook
from fam_auth.features.webhook.carrier import Carrier, is_public
from fam_auth.features.webhook.signature import headers, keys, new_secret
from fam_auth.models import Outbox
from fam_auth.repository.data_access.managers import event_jobs, users, worker
from fam_auth.repository.data_access.managers import events as journal
from fam_auth.repository.data_access.managers.event_jobs import ErrandFailed
from fam_auth.values import Client
from tests.conftest import SECRETS, MakeAuth
from tests.support.people import OPERATOR, World
from tests.support.receiver import Receiver, receiver
from tests.support.service import free_port
from tests.support.tls import serving

OpenWorld = Callable[..., Awaitable[World]]
SECRET = new_secret()


@pytest.fixture
def crm() -> Iterator[Receiver]:
    """An endpoint that records what it receives."""
    with receiver() as listening:
        yield listening


def endpoint(crm: Receiver, **more: Any) -> Any:
    return {"url": crm.url, "secret": SECRET, "events": ["user.*"], **more}


def webhook(crm: Receiver, *, timeout: float = 10, **more: Any) -> Webhook:
    return Webhook(endpoints={"crm": endpoint(crm, **more)}, private_addresses=True, timeout=timedelta(seconds=timeout))


async def test_an_endpoint_gets_the_events_that_it_subscribes_to(open_world: OpenWorld, crm: Receiver) -> None:
    world = await open_world(features=[Password(), webhook(crm)])
    ada = await world.person("ada@example.com")
    await ada.register(name="Ada")
    assert crm.got == []
    while await worker.deliver(world.auth):
        pass
    [got] = crm.got
    assert got.is_signed_by(SECRET)
    assert not got.is_signed_by(new_secret())
    assert (got.path, got.headers["content-type"]) == ("/hooks", "application/json")
    assert got.headers["host"] == crm.url.split("/")[2]
    user = await users.found(world.auth, "ada@example.com")
    assert got.json.keys() == {"type", "timestamp", "data"}
    assert got.json["type"] == "user.registered"
    who = str(user.id)
    assert got.json["data"] == {"user_id": who, "session_id": None, "actor_id": who, "outcome": "success"}
    assert "ada@" not in got.body.decode().lower()
    assert abs(int(got.headers["webhook-timestamp"]) - world.clock().timestamp()) < 2


async def test_an_endpoint_with_personal_gets_personal_data(open_world: OpenWorld, crm: Receiver) -> None:
    world = await open_world(features=[Password(), webhook(crm, personal=True)])
    auth = world.auth
    user = await users.create(auth, "ada@example.com", "Ada")
    await worker.deliver(auth)
    nobodys_event = class_of("user.vanished")(at=auth.now(), client=Client("192.0.2.1", "curl"), detail={"a": 1})
    await journal.record_alone(auth, nobodys_event)
    await worker.deliver(auth)
    await users.remove(auth, user.id, OPERATOR)
    while await worker.deliver(auth):
        pass
    made, nobodys, gone = [got.json["data"]["personal"] for got in crm.got]
    assert made["user"] == {"email": "ada@example.com", "name": "Ada", "locale": None}
    assert nobodys == {"user": None, "address": "192.0.2.1", "agent": "curl", "detail": {"a": 1}}
    assert gone["user"] is None


async def test_a_failure_is_retried_with_the_same_id(open_world: OpenWorld, crm: Receiver) -> None:
    world = await open_world(features=[Password(), webhook(crm)])
    crm.statuses = [503, 500, 200]
    await users.create(world.auth, "ada@example.com")
    for seconds in (0, 5, 10, 20):
        world.clock.travel(seconds=seconds)
        await worker.deliver(world.auth)
    assert len(crm.got) == 3
    assert len({got.headers["webhook-id"] for got in crm.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in crm.got}) == 3
    assert all(got.is_signed_by(SECRET) for got in crm.got)
    assert await event_jobs.listed(world.auth, "", 10) == []


async def reason(auth: Auth) -> str:
    """Why a new event was not delivered."""
    await users.create(auth, "ada@example.com")
    await worker.deliver(auth)
    [waiting] = await event_jobs.listed(auth, "webhook.", 10)
    assert waiting["name"] == "webhook.crm"
    return waiting["reason"]


async def test_a_delivery_to_an_endpoint_that_hangs_times_out(open_world: OpenWorld, crm: Receiver) -> None:
    crm.hangs.clear()
    world = await open_world(features=[webhook(crm, timeout=0.2)])
    assert await reason(world.auth) == "no response within 0.2 s"


async def test_no_redirection_is_followed(open_world: OpenWorld, crm: Receiver) -> None:
    with receiver() as inside:
        crm.statuses, crm.location = [307], inside.url
        world = await open_world(features=[webhook(crm)])
        assert await reason(world.auth) == "HTTP 307"
        assert inside.got == []


async def test_a_delivery_to_an_endpoint_that_is_down_fails(open_world: OpenWorld, crm: Receiver) -> None:
    crm.url = f"http://127.0.0.1:{free_port()}/"
    world = await open_world(features=[webhook(crm)])
    assert await reason(world.auth) == "request failed (ConnectError)"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:169.254.169.254]", "10.0.0.1"])
async def test_s099_private_addresses_are_refused_after_resolution(open_world: OpenWorld, host: str) -> None:
    with receiver() as crm:
        url = f"https://{host}:{crm.url.split(':')[2]}"
        crm_there: Any = {"url": url, "secret": SECRET, "events": ["user.created"]}
        private = Webhook(endpoints={"crm": crm_there})
        world = await open_world(features=[private])
        assert "address is private" in await reason(world.auth)
        assert crm.got == []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "100.64.0.1",
        "127.1.2.3",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_s099_no_private_address_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_s099_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_s099_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once, and what was looked at is what is called: no second answer counts."""
    asked: list[str] = []

    async def found(self: object, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(None, None, None, "", (one, port)) for one in answers]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", found)
    answers = ["93.184.215.14", "127.0.0.1"]
    posting = Carrier(private=False, timeout=timedelta(seconds=5), ca_file=None)
    with pytest.raises(ErrandFailed, match="address is private"):
        await posting.post("https://hooks.example.com/", {}, b"")
    answers = []
    with pytest.raises(ErrandFailed, match="no address"):
        await posting.post("https://hooks.example.com/", {}, b"")
    assert asked == ["hooks.example.com"] * 2


async def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch, crm: Receiver) -> None:
    real = asyncio.BaseEventLoop.getaddrinfo
    port = int(crm.url.split(":")[2].partition("/")[0])

    async def found(self: Any, host: str, port: int, **more: Any) -> list[Any]:
        if host != "hooks.example.com":
            return await real(self, host, port, **more)
        return [(None, None, None, "", (one, port)) for one in ("127.0.0.9", "127.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", found)
    posting = Carrier(private=True, timeout=timedelta(seconds=5), ca_file=None)
    await posting.post(f"http://hooks.example.com:{port}/there", {}, b"{}")
    assert [(got.path, got.headers["host"]) for got in crm.got] == [("/there", f"hooks.example.com:{port}")]


async def test_the_certificate_is_checked_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(None, None, None, "", ("127.0.0.1", port))]

    tls = serving(tmp_path, "hooks.example.com")
    with receiver(tls) as crm:
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", found)
        port = crm.url.split(":")[2]
        own = Carrier(private=True, timeout=timedelta(seconds=5), ca_file=tmp_path / "fullchain.pem")
        await own.post(f"https://hooks.example.com:{port}", {}, b"{}")
        with pytest.raises(ErrandFailed, match="ConnectError"):
            await own.post(f"https://evil.example.com:{port}", {}, b"{}")
        systems = Carrier(private=True, timeout=timedelta(seconds=5), ca_file=None)
        with pytest.raises(ErrandFailed, match="ConnectError"):
            await systems.post(f"https://hooks.example.com:{port}", {}, b"{}")
        assert len(crm.got) == 1


def test_the_signature_is_the_one_of_the_standard() -> None:
    """The example of the specification's own libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = headers(keys(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    both = headers([*keys(new_secret()), *keys(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert both["webhook-signature"].split(" ")[1] == made["webhook-signature"]


async def test_during_a_rotation_both_secrets_sign(open_world: OpenWorld, crm: Receiver) -> None:
    newer = new_secret()
    world = await open_world(features=[webhook(crm, secret=f"{newer}, {SECRET}")])
    await users.create(world.auth, "ada@example.com")
    await worker.deliver(world.auth)
    assert crm.got[0].is_signed_by(newer)
    assert crm.got[0].is_signed_by(SECRET)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": "ftp://example.com"}, "must be a URL"),
        ({"url": "https://user:password@example.com"}, "without a user, password or #"),
        ({"url": "http://example.com"}, "uses plain HTTP"),
        ({"secret": "whsec_c2hvcnQ="}, "24 to 64 bytes"),
        ({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "24 to 64 bytes"),
        ({"secret": "whsec_not base64 at all, is it, now"}, "24 to 64 bytes"),
        ({"events": []}, "at least 1 item"),
        ({"methods": "GET"}, "Extra inputs"),
    ],
)
def test_invalid_endpoint_settings_stop_the_start(wrong: dict[str, Any], told: str) -> None:
    given: Any = {"url": "https://example.com", "secret": SECRET, "events": ["user.*"], **wrong}
    with pytest.raises(Misconfigured, match=told) as refused:
        Webhook(endpoints={"crm": given})
    assert SECRET not in str(refused.value)


def test_an_invalid_endpoint_name_stops_the_start() -> None:
    endpoint = Endpoint(url="https://example.com", secret=SecretStr(SECRET), events=("user.*",))
    with pytest.raises(Misconfigured, match="is not a valid endpoint name"):
        Webhook(endpoints={"C R M": endpoint})


async def test_an_unknown_event_stops_the_start(make_auth: MakeAuth, crm: Receiver) -> None:
    auth = make_auth(features=[webhook(crm, events=["user.registred"])])
    with pytest.raises(Misconfigured, match=r"CRM__EVENTS: no event matches user\.registred"):
        await auth.start()
    await auth.close()


async def test_an_endpoint_can_subscribe_to_events_of_other_features(make_auth: MakeAuth, crm: Receiver) -> None:
    auth = make_auth(features=[Password(), webhook(crm, events=["webhook.own", "password.changed"])])
    await auth.start()
    await auth.close()


def test_the_environment_names_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "FAM_AUTH_WEBHOOK__ENDPOINTS__CRM__"
    for name, value in {"URL": "https://example.com", "SECRET": SECRET, "EVENTS": "user.*,session.started"}.items():
        monkeypatch.setenv(prefix + name, value)
    assert Webhook().endpoints["crm"].events == ("user.*", "session.started")
    assert SECRET not in repr(Webhook())


@pytest.mark.engines("postgresql")  # errands run on both engines in test_hooks.py
def test_a_worker_that_is_killed_loses_nothing(
    crm: Receiver, database: str, tmp_path: Path, make_auth: MakeAuth
) -> None:
    """The worker dies while the endpoint responds; the next one posts the event again, with the same id."""
    crm.hangs.clear()
    variables = {
        **{name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")},
        "FAM_AUTH_DATABASE": database,
        "FAM_AUTH_PROFILE": "production",
        "FAM_AUTH_SECRETS": SECRETS,
        "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
        "FAM_AUTH_MAIL": "console:",
        "FAM_AUTH_FEATURES": "password,webhook",
        "FAM_AUTH_WEBHOOK__PRIVATE_ADDRESSES": "true",
        "FAM_AUTH_WEBHOOK__ENDPOINTS": json.dumps({"crm": endpoint(crm)}),
    }
    command = [sys.executable, "-m", "fam_auth.cli"]
    subprocess.run([*command, "users", "create", "ada@example.com", "--link"], env=variables, cwd=tmp_path, check=True)
    with subprocess.Popen([*command, "worker"], env=variables, cwd=tmp_path) as first:
        crm.wait(1)
        first.kill()
    crm.hangs.set()

    async def later() -> list[Any]:
        auth = make_auth(features=[webhook(crm)])
        await auth.database.rows(update(Outbox).values(due_at=datetime.now(UTC)))
        rows = await auth.database.rows(select(Outbox.kind, Outbox.done_at))
        await auth.close()
        return rows

    assert [(row.kind, row.done_at) for row in asyncio.run(later())] == [("errand:webhook.crm", None)]
    with subprocess.Popen([*command, "worker"], env=variables, cwd=tmp_path) as second:
        crm.wait(2)
        second.send_signal(signal.SIGTERM)
    assert len({got.headers["webhook-id"] for got in crm.got}) == 1
    assert all(got.is_signed_by(SECRET) for got in crm.got)
