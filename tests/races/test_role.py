"""What only one may do of those who try at the same time, with roles."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fam_auth import Auth
from fam_auth.exceptions import Forbidden, Refusal
from fam_auth.features.password import Password
from fam_auth.features.role import Role, definitions, managers
from fam_auth.features.role.graph import Definition
from fam_auth.repository.data_access.managers import users
from tests.conftest import new_auth
from tests.races.test_races import PARALLEL, ROUNDS
from tests.support.people import OPERATOR, PASSWORD, Clock, Mailbox
from tests.support.service import Service, service


async def ended(work: Any) -> str:
    """How it went: `done`, or the code of the refusal."""
    try:
        await work
    except Refusal as refusal:
        return refusal.code
    return "done"


async def test_the_last_administrator_stays_in_every_order(postgres_database: str) -> None:
    auths = [new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), Role()]) for _ in range(2)]
    await definitions.ensure_admin(auths[0])
    for _ in range(ROUNDS):
        people = [await users.create(auths[0], f"a{uuid4().hex}@example.com", verified=True) for _ in range(8)]
        for user in people:
            await managers.grant(auths[0], user.id, "admin", OPERATOR)
        ways = [
            managers.revoke(auths[number % 2], user.id, "admin", OPERATOR)
            if number % 3
            else users.suspend(auths[number % 2], user.id, OPERATOR)
            for number, user in enumerate(people)
        ]
        results = Counter(await asyncio.gather(*(ended(way) for way in ways)))
        [left] = await _active_administrators(auths[0])
        assert set(results) <= {"done", "forbidden", "unavailable", "conflict"}
        # The one who is left makes room for the next round.
        await managers.grant(
            auths[0], (await users.create(auths[0], f"z{uuid4().hex}@example.com", verified=True)).id, "admin", OPERATOR
        )
        await managers.revoke(auths[0], left, "admin", OPERATOR)
    for auth in auths:
        await auth.close()


async def _active_administrators(auth: Any) -> list[Any]:
    return [
        row.user_id
        for row in await managers.who(auth, "admin")
        if not (await users.get(auth, row.user_id)).is_suspended(auth.now())
    ][:1]


async def test_twenty_grants_are_one(postgres_database: str) -> None:
    auths = [new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), Role()]) for _ in range(2)]
    await definitions.ensure_admin(auths[0])
    user = await users.create(auths[0], "ada@example.com", verified=True)
    granting = [managers.grant(auths[number % 2], user.id, "admin", OPERATOR) for number in range(PARALLEL)]
    # They wait for each other, a second at most: on a starved machine the last ones are sent away.
    assert {"done"} <= set(await asyncio.gather(*(ended(one) for one in granting))) <= {"done", "unavailable"}
    assert len(await managers.in_force(auths[0], user.id)) == 1
    for auth in auths:
        await auth.close()


async def test_two_changes_that_would_close_a_circle_do_not(postgres_database: str) -> None:
    auths = [new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), Role()]) for _ in range(2)]
    pairs = [("one", "other"), ("other", "one")]
    for name, _ in pairs:
        await definitions.create(auths[0], Definition(name), OPERATOR)

    async def including(auth: Auth, name: str, *parts: str) -> None:
        await definitions.change(auth, name, lambda role: replace(role, includes=frozenset(parts)), OPERATOR)

    for _ in range(ROUNDS):
        closing = [including(auth, *pair) for auth, pair in zip(auths, pairs, strict=True)]
        assert Counter(await asyncio.gather(*(ended(one) for one in closing))) == {"done": 1, "invalid_request": 1}
        for name, _ in pairs:
            await including(auths[0], name)
    for auth in auths:
        await auth.close()


async def test_s064_a_role_is_gone_in_every_process(tmp_path: Path, postgres_database: str) -> None:
    variables: dict[str, Any] = {"FAM_AUTH_FEATURES": "password,role", "FAM_AUTH_EMAIL_VERIFICATION": "false"}
    with service(tmp_path, postgres_database, workers=2, **variables) as running:
        await _comes_and_goes(running, postgres_database)


async def _comes_and_goes(running: Service, postgres_database: str) -> None:
    auth = new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), Role()])
    body = {"email": "ada@example.com", "password": PASSWORD}
    tokens = httpx2.post(f"{running.url}/auth/register", json=body).json()["tokens"]
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    user = await users.found(auth, "ada@example.com")
    other = await users.create(auth, "bob@example.com", verified=True)
    await managers.grant(auth, other.id, "admin", OPERATOR)
    for _ in range(max(1, ROUNDS // 5)):
        await managers.grant(auth, user.id, "admin", OPERATOR)
        assert await _answers(running, header) == {200}
        await managers.revoke(auth, user.id, "admin", OPERATOR)
        assert await _answers(running, header) == {403}
    with pytest.raises(Forbidden):
        await managers.revoke(auth, other.id, "admin", OPERATOR)
    await auth.close()


async def _answers(running: Service, header: dict[str, str]) -> set[int]:
    """What twenty new connections get, over both processes, within the second that a change may take."""
    await asyncio.sleep(1)

    async def ask() -> int:
        async with httpx2.AsyncClient() as http:
            return (await http.get(f"{running.url}/auth/users", headers=header)).status_code

    return set(await asyncio.gather(*(ask() for _ in range(PARALLEL))))
