"""Ten thousand users, a thousand roles, a hundred thousand grants: what a request costs stays what it was."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

from sqlalchemy import Select, TextClause, func, insert, select, text

from fam_auth import Auth
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, definitions, managers
from fam_auth.features.role.models import Grant, RoleInclusion, RolePermission
from fam_auth.features.role.models import Role as RoleRow
from fam_auth.models import Email, User
from fam_auth.repository.data_access.managers import users
from tests.conftest import new_auth
from tests.support.people import OPERATOR, Clock, Mailbox

USERS, ROLES, GRANTS = 10_000, 1_000, 100_000


async def test_many_grants_cost_no_more(postgres_database: str) -> None:
    declared = Role(permissions=[Permission("posts:read")])
    auth = new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), declared])
    await definitions.ensure_admin(auth)
    now = datetime.now(UTC)
    people = [uuid4() for _ in range(USERS)]
    async with auth.transaction() as db:
        await db.execute(insert(User), [{"id": one, "created_at": now, "demands": []} for one in people])
        addresses = [
            {
                "id": one,
                "user_id": one,
                "address": f"{one}@example.com",
                "canonical": f"{one}@example.com",
                "created_at": now,
            }
            for one in people
        ]
        await db.execute(insert(Email), addresses)
        names = [f"role{number}" for number in range(ROLES)]
        await db.execute(insert(RoleRow), [{"name": name, "in_code": False, "created_at": now} for name in names])
        await db.execute(insert(RolePermission), [{"role": name, "permission": "posts:read"} for name in names[::2]])
        pairs = pairwise(names)
        await db.execute(insert(RoleInclusion), [{"role": one, "includes": other} for one, other in list(pairs)[::3]])
        rows = [
            {
                "id": uuid4(),
                "user_id": people[number % USERS],
                "role": names[number * 7919 % ROLES],
                "scope": f"project:{number}",
                "granted_at": now,
            }
            for number in range(GRANTS)
        ]
        await db.execute(insert(Grant), rows)
    await auth.database.rows(text("ANALYZE"))
    ada = await users.get(auth, people[0])
    async with auth.transaction() as db:
        claims = await auth.of(Role).claims(auth, db, ada)
    assert len(claims["scopes"]) == GRANTS // USERS
    plan = await auth.database.rows(explained(auth, auth.of(Role).scopes(ada, "posts:read")))
    assert "Seq Scan on auth_role_grant" not in str(plan)
    await managers.grant(auth, ada.id, "role0", OPERATOR)
    assert await auth.of(Role).allowed(ada, "posts:read")
    [count] = await auth.database.rows(select(func.count()).select_from(Grant))
    assert count[0] == GRANTS + 1
    await auth.close()


def explained(auth: Auth, statement: Select[str]) -> TextClause:
    """What the database would do."""
    compiled = statement.compile(auth.database.engine.sync_engine, compile_kwargs={"literal_binds": True})
    return text(f"EXPLAIN {compiled}")
