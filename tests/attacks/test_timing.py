"""S-019: the time of an answer does not tell whether an address has an account (400 interleaved requests a class)."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import TEMPLATE
from tests.support import postgres
from tests.support.people import PASSWORD
from tests.support.service import Service, service
from tests.support.timing import accuracy

REQUESTS = 400
LOOSE: dict[str, Any] = dict.fromkeys(
    (
        "FAM_AUTH_THROTTLE__NETWORK",
        "FAM_AUTH_THROTTLE__NETWORK_DAY",
        "FAM_AUTH_THROTTLE__ACCOUNTS",
        "FAM_AUTH_THROTTLE__REGISTER_NETWORK",
        "FAM_AUTH_THROTTLE__MAIL_NETWORK",
    ),
    "1000000/1m",
)
KNOWN = [f"known{number}@example.com" for number in range(REQUESTS)]
Call = Callable[[str], Awaitable[int]]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Service]:
    """A service with as many accounts as requests, so that no limit of one account is met."""
    url = postgres.create_database(postgres_server, "timing", template=TEMPLATE)
    with service(tmp_path_factory.mktemp("timing"), url, workers=1, **LOOSE) as running:
        asyncio.run(_registered(running.url))
        yield running
    postgres.drop_database(postgres_server, "timing")


async def _registered(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url) as client:
        for address in KNOWN:
            answer = await client.post("/auth/register", json={"email": address, "password": PASSWORD})
            assert answer.status_code == 202


async def measured(
    call: Call, known: list[str], unknown: list[str], extra: float = 0
) -> tuple[list[float], list[float]]:
    """Seconds per request of both classes, interleaved at random; `extra` is added to each known one."""
    times: dict[bool, list[float]] = {True: [], False: []}
    order = [(address, True) for address in known] + [(address, False) for address in unknown]
    random.Random(1).shuffle(order)  # noqa: S311 - an order, not a secret
    for address, is_known in order:
        before = time.perf_counter()
        await call(address)
        if is_known and extra:
            await asyncio.sleep(extra)
        times[is_known].append(time.perf_counter() - before)
    return times[True], times[False]


ROUTES: dict[str, dict[str, Any]] = {
    "/auth/login": {"password": "not it at all"},
    "/auth/password/forgot": {},
    "/auth/email/resend": {},
    "/auth/register": {"password": PASSWORD},
    "/auth/email/change": {},
}


async def signed_in(target: Service) -> dict[str, str]:
    """The header of a user who wants another address, and has just signed in."""
    body = {"email": f"{uuid4().hex[:8]}@example.com", "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=target.url) as client:
        await client.post("/auth/register", json=body)
        mails = await asyncio.to_thread(target.mails, body["email"], at_least=1)
        text = mails[0].get_body(("plain",))
        assert text
        found = re.search(r"#token=(\S+)", text.get_content())
        assert found
        await client.post("/auth/email/verify", json={"token": found.group(1), "password": PASSWORD})
        tokens = (await client.post("/auth/login", json=body)).json()["tokens"]
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@pytest.mark.slow
@pytest.mark.parametrize("path", ROUTES)
async def test_s019_a003_time_does_not_tell(target: Service, path: str) -> None:
    headers = await signed_in(target) if path == "/auth/email/change" else {}
    async with httpx2.AsyncClient(base_url=target.url, timeout=30, headers=headers) as client:

        async def call(address: str) -> int:
            return (await client.post(path, json={"email": address, **ROUTES[path]})).status_code

        if headers:
            assert await call("probe@example.com") == 202
        for warm in range(20):
            await call(f"warm{warm}{path.replace('/', '.')}@example.com")
        unknown = [f"unknown{number}{path.replace('/', '.')}@example.com" for number in range(REQUESTS)]
        one, other = await measured(call, KNOWN, unknown)
    single, majority = accuracy(one, other), accuracy(one, other, votes=20)
    print(f"{path}: single {single:.2f}, of twenty {majority:.2f}")  # noqa: T201 - the figure is what one runs this for
    assert single < 0.60
    assert majority <= 0.75


@pytest.mark.slow
async def test_s019_the_positive_control_is_found(target: Service) -> None:
    async with httpx2.AsyncClient(base_url=target.url, timeout=30) as client:

        async def call(address: str) -> int:
            return (await client.post("/auth/password/forgot", json={"email": address})).status_code

        unknown = [f"control{number}@example.com" for number in range(REQUESTS)]
        one, other = await measured(call, unknown, [f"x{address}" for address in unknown], extra=0.01)
    assert accuracy(one, other) > 0.9
