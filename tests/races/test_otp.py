"""A second factor is used once, however many ask at the same time."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fam_auth.features.otp import totp
from tests.races.test_races import PARALLEL, ROUNDS
from tests.support.people import PASSWORD
from tests.support.racing import at_once
from tests.support.service import Service, service

VARIABLES: dict[str, Any] = {
    "FAM_AUTH_FEATURES": "password,otp",
    "FAM_AUTH_TRUSTED_PROXIES": "127.0.0.1",
    "FAM_AUTH_EMAIL_VERIFICATION": "false",
    # What is raced here are not the limits of one network.
    "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "1000000/1m",
    "FAM_AUTH_OTP__QUARTER": "1000000/1m",
    "FAM_AUTH_OTP__DAY": "1000000/1m",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shared_postgres_database: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with service(folder, shared_postgres_database, workers=2, **VARIABLES) as two_processes:
        yield two_processes


def present(secret: str, offset: int = 0) -> str:
    return totp.code_of(secret, totp.step_of(datetime.now(UTC)) + offset)


def enrolled(running: Service) -> tuple[dict[str, str], str, list[str]]:
    """Credentials, secret and recovery codes of a new user; the code of the step before is used up."""
    body = {"email": f"a{uuid4().hex[:8]}@example.com", "password": PASSWORD}
    with httpx2.Client(base_url=running.url) as http:
        tokens = http.post("/auth/register", json=body).json()["tokens"]
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        begun = http.post("/auth/otp/devices", json={}).json()
        code = {"code": present(begun["secret"], -1)}
        confirmed = http.post(f"/auth/otp/devices/{begun['id']}/confirm", json=code).json()
    return body, begun["secret"], confirmed["recovery_codes"]


async def challenges(running: Service, credentials: dict[str, str], count: int) -> list[str]:
    """So many logins that wait for a second factor."""
    answers = [(await at_once(running.url, "/auth/login", [credentials]))[0][1] for _ in range(count)]
    return [answer["login_token"] for answer in answers]


async def test_a030_one_code_in_one_login(running: Service) -> None:
    """Four logins with as many tries as each has: one of all the twenty signs in."""
    for _ in range(ROUNDS):
        credentials, secret, _ = enrolled(running)
        tokens = await challenges(running, credentials, PARALLEL // 5)
        bodies, by_whom = [{"code": present(secret)}] * PARALLEL, [f"Login {token}" for token in tokens * 5]
        answers = await at_once(running.url, "/auth/login/totp", bodies, by_whom)
        assert Counter(status for status, _ in answers)[200] == 1


async def test_a032_one_recovery_code_twenty_times(running: Service) -> None:
    for _ in range(ROUNDS):
        credentials, _, codes = enrolled(running)
        [token] = await challenges(running, credentials, 1)
        answers = await at_once(
            running.url, "/auth/login/recovery-code", [{"code": codes[0]}] * PARALLEL, f"Login {token}"
        )
        statuses = Counter(status for status, _ in answers)
        assert statuses[200] == 1, statuses
        # All take the same row of auth_login: on a machine with other work, some wait longer than the second they may.
        assert set(statuses) <= {200, 400, 401, 429, 503}, statuses


async def test_s034_a_challenge_has_five_tries_also_in_parallel(running: Service) -> None:
    for _ in range(ROUNDS):
        credentials, _, _ = enrolled(running)
        [token] = await challenges(running, credentials, 1)
        answers = await at_once(running.url, "/auth/login/totp", [{"code": "000000"}] * PARALLEL, f"Login {token}")
        assert Counter(status for status, _ in answers) == {400: 5, 429: PARALLEL - 5}


async def test_a034_one_login_by_two_factors_at_once(running: Service) -> None:
    """Five logins, each by the same code of the device and by a recovery code of its own, twice: one session each."""
    for _ in range(ROUNDS):
        credentials, secret, codes = enrolled(running)
        tokens = await challenges(running, credentials, PARALLEL // 4)
        ways = [
            (path, {"code": code}, f"Login {token}")
            for token, own in zip(tokens, codes, strict=False)
            for path, code in (("/auth/login/totp", present(secret)), ("/auth/login/recovery-code", own)) * 2
        ]
        assert len(ways) == PARALLEL
        answers = await at_once(running.url, *(list(column) for column in zip(*ways, strict=True)))
        won = Counter(who for (_, _, who), (status, _) in zip(ways, answers, strict=True) if status == 200)
        assert set(won.values()) == {1}, won
        # On a machine with other work, some wait for the same user longer than the second they may.
        assert len(won) == len(tokens) or 503 in {status for status, _ in answers}, won
