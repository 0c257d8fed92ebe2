"""Ten thousand users, a thousand roles, a hundred thousand grants: what a request costs stays what it was."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import func, insert, select, text

from fam_auth import Auth, Proof, install, needs
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, definitions, managers, path, permission
from fam_auth.features.role.models import Grant, RoleInclusion, RolePermission
from fam_auth.features.role.models import Role as RoleRow
from fam_auth.install import running
from fam_auth.models import Email, User
from fam_auth.pipeline import Progress
from fam_auth.repository.data_access.managers import sessions, users
from fam_auth.values import Client, Kind
from tests.conftest import new_auth
from tests.support.people import OPERATOR, Clock, Mailbox
from tests.support.plans import Statements, faults
from tests.support.service import service
from tests.support.statements import asked_of

USERS, ROLES, GRANTS = 10_000, 1_000, 100_000
PEOPLE = [uuid4() for _ in range(USERS)]
# It has no other permission, and no other role includes it.
READERS = "role5"
OWN = "https://app.example.com"


@pytest.fixture(scope="module")
def crowd(shared_postgres_database: str) -> str:
    """A database with all of them; the first of them has ten roles, each for a project."""
    asyncio.run(_fill(shared_postgres_database))
    return shared_postgres_database


async def _fill(database: str) -> None:
    auth = auth_on(database)
    await definitions.ensure_admin(auth)
    now = datetime.now(UTC)
    async with auth.transaction() as db:
        await db.execute(insert(User), [{"id": one, "created_at": now, "demands": []} for one in PEOPLE])
        addresses = [(one, f"{one}@example.com") for one in PEOPLE]
        await db.execute(
            insert(Email),
            [{"id": one, "user_id": one, "address": at, "canonical": at, "created_at": now} for one, at in addresses],
        )
        names = [f"role{number}" for number in range(ROLES)]
        await db.execute(insert(RoleRow), [{"name": name, "in_code": False, "created_at": now} for name in names])
        await db.execute(insert(RolePermission), [{"role": name, "permission": "posts:read"} for name in names[::2]])
        await db.execute(insert(RolePermission), [{"role": READERS, "permission": "users:read"}])
        pairs = pairwise(names)
        await db.execute(insert(RoleInclusion), [{"role": one, "includes": other} for one, other in list(pairs)[::3]])
        rows = [
            {
                "id": uuid4(),
                "user_id": PEOPLE[number % USERS],
                "role": names[number * 7919 % ROLES],
                "scope": f"project:{number}",
                "granted_at": now,
            }
            for number in range(GRANTS)
        ]
        await db.execute(insert(Grant), rows)
    await auth.database.rows(text("ANALYZE"))
    await auth.close()


def auth_on(database: str) -> Auth:
    declared = Role(permissions=[Permission("posts:read")])
    return new_auth(database, Real(), Mailbox(), features=[Password(), declared])


class Real(Clock):
    """The time of the other process."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


async def test_many_grants_cost_no_more(crowd: str) -> None:
    auth = auth_on(crowd)
    asked, feature, ada = Statements(auth.database), auth.of(Role), await users.get(auth, PEOPLE[0])
    async with auth.transaction() as db:
        claims = await feature.claims(auth, db, ada)
    assert len(claims["scopes"]) == GRANTS // USERS
    assert await feature.allowed(ada, "posts:read", scope="project:0")
    assert not await feature.allowed(ada, "posts:read", scope="project:1")
    assert len(await auth.database.rows(feature.scopes(ada, "posts:read"))) == GRANTS // USERS
    await managers.grant(auth, ada.id, READERS, OPERATOR)
    await managers.revoke(auth, ada.id, READERS, OPERATOR)
    [count] = await auth.database.rows(select(func.count()).select_from(Grant))
    assert count[0] >= GRANTS
    big = {"auth_role_grant", "auth_user", "auth_email"}
    plans = {statement: plan for statement, plan in (await asked.plans()).items() if "count(*)" not in statement}
    assert len(plans) > 10
    # How many roles carry a permission is a guess of the planner: there are a thousand at most.
    slow = {(one, fault) for one, plan in plans.items() for fault in faults(plan, big) if fault.startswith("reads")}
    assert slow == set()
    await auth.close()


async def test_s064_a_check_asks_nothing_and_a_change_counts_in_both_processes(crowd: str, tmp_path: Path) -> None:
    auth, app = auth_on(crowd), FastAPI()
    install(app, auth)

    @app.get("/projects/{number}", dependencies=[needs(permission("posts:read", scope=path("number", "project:")))])
    async def project(number: int) -> int:
        return number

    variables: dict[str, Any] = {"FAM_AUTH_FEATURES": "password,role", "FAM_AUTH_ROLE__PERMISSIONS": '["posts:read"]'}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(auth.close)
        other = await asyncio.to_thread(stack.enter_context, service(tmp_path, crowd, **variables))
        await stack.enter_async_context(running(auth, worker=False))
        await managers.grant(auth, PEOPLE[1], "admin", OPERATOR)
        ada, admin = [await signed_in(auth, PEOPLE[number]) for number in range(2)]
        here = await stack.enter_async_context(httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=OWN))
        there = await stack.enter_async_context(httpx2.AsyncClient(base_url=other.url))
        assert await answers((here, there), ada) == [403, 403]

        asked = asked_of(auth)
        seen = [(await here.get(f"/projects/{number}", headers=ada)).status_code for number in (0, USERS, 1) * 20]
        assert (seen, asked) == ([200, 200, 403] * 20, [])

        place = f"/auth/users/{PEOPLE[0]}/roles/{READERS}"
        for near, far in ((here, there), (there, here), (here, there)):
            for method, wanted in (("PUT", 200), ("DELETE", 403)):
                assert (await near.request(method, place, headers=admin)).status_code in {200, 204}
                changed_at = time.monotonic()
                assert await answers((near,), ada) == [wanted]
                while await answers((far,), ada) != [wanted]:
                    assert time.monotonic() - changed_at < 1
                    await asyncio.sleep(0.02)


async def signed_in(auth: Auth, user_id: UUID) -> dict[str, str]:
    """The header of a session that has just started with a password."""
    proofs = (Proof("password", Kind.KNOWLEDGE, auth.now()),)
    user = await users.get(auth, user_id)
    async with auth.transaction() as db:
        claims = await sessions.claims_of(auth, db, user)
        made = await sessions.start(auth, db, Progress(user, proofs, "bearer", Client()), claims)
    assert made.tokens
    return {"Authorization": f"Bearer {made.tokens.access_token}"}


async def answers(processes: Sequence[httpx2.AsyncClient], headers: dict[str, str]) -> list[int]:
    return [(await one.get("/auth/users", params={"limit": 1}, headers=headers)).status_code for one in processes]
