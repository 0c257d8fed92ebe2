"""What happens once happens once: 20 at a time, over two processes, on PostgreSQL."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests.support.people import PASSWORD
from tests.support.racing import at_once
from tests.support.service import Service, service

PARALLEL = 20
ROUNDS = int(os.environ.get("FAM_AUTH_TEST_ROUNDS", "5"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shared_postgres_database: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    settings: dict[str, Any] = {"FAM_AUTH_TRUSTED_PROXIES": "127.0.0.1", "FAM_AUTH_THROTTLE__MAIL_NETWORK": "1000/1h"}
    with service(folder, shared_postgres_database, workers=2, **settings) as two_processes:
        yield two_processes


async def _one(url: str, path: str, body: dict[str, Any], authorization: str | None = None) -> dict[str, Any]:
    return (await at_once(url, path, [body], authorization))[0][1]


def _token(running: Service, address: str, kind: str = "verify_email") -> str:
    mails = running.mails(address, at_least=1, kind=kind)
    part = mails[-1].get_body(("plain",))
    assert part is not None
    found = re.search(r"#token=(\S+)", part.get_content())
    assert found
    return found.group(1)


def _shown(token: str) -> dict[str, str]:
    return {"token": token, "password": PASSWORD}


def _assert_one_winner(answers: Sequence[tuple[int, Any]]) -> None:
    """One is let in; the others are refused, a few of them because they waited for the lock for a second."""
    statuses = Counter(status for status, _ in answers)
    assert statuses[200] == 1
    assert set(statuses) <= {200, 400, 503}


async def test_a037_one_address_in_four_spellings_makes_one_account(running: Service) -> None:
    before = running.log().count("user.registered success")
    for _ in range(ROUNDS):
        local = f"a{uuid4().hex[:8]}"
        spellings = [f"{local}@x.com", f"{local.upper()}@x.com", f"{local}@X.COM", f" {local}@x.com "]
        bodies = [{"email": spellings[n % 4], "password": PASSWORD} for n in range(PARALLEL)]
        answers = await at_once(running.url, "/auth/register", bodies)
        # Hashes beyond the bounded queue are refused; whoever was let in gets the same answer.
        assert {status for status, _ in answers} <= {202, 503}
        assert {answer["status"] for status, answer in answers if status == 202} == {"pending_verification"}
    assert running.log().count("user.registered success") - before == ROUNDS


async def test_s101_one_verification_token_has_one_winner(running: Service) -> None:
    for _ in range(ROUNDS):
        address = f"b{uuid4().hex[:8]}@example.com"
        mine = await _one(running.url, "/auth/register", {"email": address, "password": PASSWORD})
        token = await asyncio.to_thread(_token, running, address)
        body = {"token": token, "registration_token": mine["registration_token"]}
        answers = await at_once(running.url, "/auth/email/verify", [body] * PARALLEL)
        _assert_one_winner(answers)
        assert {answer["code"] for status, answer in answers if status == 400} <= {"invalid_token"}


async def test_s086_refresh_has_one_successor_and_reuse_ends_the_session(running: Service) -> None:
    address = f"c{uuid4().hex[:8]}@example.com"
    await _one(running.url, "/auth/register", {"email": address, "password": PASSWORD})
    token = await asyncio.to_thread(_token, running, address)
    await _one(running.url, "/auth/email/verify", _shown(token))
    first = (await _one(running.url, "/auth/login", {"email": address, "password": PASSWORD}))["tokens"][
        "refresh_token"
    ]
    newest = first
    for _ in range(ROUNDS):
        answers = await at_once(running.url, "/auth/refresh", [{"refresh_token": newest}] * PARALLEL)
        assert {status for status, _ in answers} == {200}
        successors = {answer["refresh_token"] for _, answer in answers}
        assert len(successors) == 1
        newest = successors.pop()
    for reused in (first, newest):
        assert (await _one(running.url, "/auth/refresh", {"refresh_token": reused}))["code"] == "invalid_refresh_token"


async def _signed_in(running: Service, address: str) -> str:
    """The access token of a new user."""
    await _one(running.url, "/auth/register", {"email": address, "password": PASSWORD})
    await _one(running.url, "/auth/email/verify", _shown(await asyncio.to_thread(_token, running, address)))
    login = await _one(running.url, "/auth/login", {"email": address, "password": PASSWORD})
    token: str = login["tokens"]["access_token"]
    return token


async def test_s026_one_reset_token_has_one_winner(running: Service) -> None:
    for _ in range(ROUNDS):
        address = f"d{uuid4().hex[:8]}@example.com"
        await _signed_in(running, address)
        await _one(running.url, "/auth/password/forgot", {"email": address})
        token = await asyncio.to_thread(_token, running, address, "reset_password")
        bodies = [{"token": token, "new_password": f"{PASSWORD} {n}"} for n in range(PARALLEL)]
        answers = await at_once(running.url, "/auth/password/reset", bodies)
        statuses = Counter(status for status, _ in answers)
        assert statuses[204] == 1
        assert set(statuses) <= {204, 400, 503}
        winner = [status for status, _ in answers].index(204)
        body = {"email": address, "password": bodies[winner]["new_password"]}
        assert (await _one(running.url, "/auth/login", body))["status"] == "complete"


async def test_s026_one_address_change_has_one_winner(running: Service) -> None:
    for _ in range(ROUNDS):
        address = f"e{uuid4().hex[:8]}@example.com"
        bearer = f"Bearer {await _signed_in(running, address)}"
        await _one(running.url, "/auth/email/change", {"email": f"new.{address}"}, bearer)
        token = await asyncio.to_thread(_token, running, f"new.{address}", "confirm_email_change")
        answers = await at_once(running.url, "/auth/email/confirm", [{"token": token}] * PARALLEL)
        _assert_one_winner(answers)
        undo = await asyncio.to_thread(_token, running, address, "undo_email_change")
        answers = await at_once(running.url, "/auth/email/undo", [{"token": undo}] * PARALLEL)
        _assert_one_winner(answers)


async def test_s013_a040_parallel_guesses_do_not_share_an_attempt(running: Service) -> None:
    for _ in range(ROUNDS):
        address = f"f{uuid4().hex[:8]}@example.com"
        bodies = [{"email": address, "password": f"guess {n}"} for n in range(PARALLEL)]
        statuses = Counter(status for status, _ in await at_once(running.url, "/auth/login", bodies))
        assert statuses[401] <= 5
        assert set(statuses) <= {401, 429, 503}


async def test_s047_one_login_token_has_one_winner(running: Service) -> None:
    address = f"g{uuid4().hex[:8]}@example.com"
    body = {"email": address, "password": PASSWORD}
    await _signed_in(running, address)
    for _ in range(ROUNDS):
        login = await _one(running.url, "/auth/login", body)
        step_up = await _one(running.url, "/auth/step-up", {}, f"Bearer {login['tokens']['access_token']}")
        answers = await at_once(running.url, "/auth/login", [body] * 5, f"Login {step_up['login_token']}")
        complete = [answer["session"]["id"] for _, answer in answers if answer.get("status") == "complete"]
        # Whoever came too late for the step-up has signed in anew.
        assert complete.count(login["session"]["id"]) == 1
