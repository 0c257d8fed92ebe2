"""What follows from roles, inclusion, scopes and ends: the database against a naive model."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import delete

from fam_auth import Auth
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, definitions, graph, managers, rights
from fam_auth.features.role.graph import Definition, Rights
from fam_auth.features.role.models import Grant, RolePermission
from fam_auth.features.role.models import Role as RoleRow
from fam_auth.repository.data_access.managers import users
from tests.conftest import new_auth
from tests.support.people import OPERATOR, Clock, Mailbox

ROLES = ["anna", "berta", "clara", "dora"]
PERMISSIONS = ["posts:read", "posts:write", "posts:burn"]
SCOPES = ["", "project:1", "project:2"]

parts = some.tuples(some.sets(some.sampled_from(PERMISSIONS)), some.sets(some.sampled_from(range(len(ROLES)))))
structures = some.lists(parts, min_size=len(ROLES), max_size=len(ROLES))
grants = some.lists(
    some.tuples(some.sampled_from(ROLES), some.sampled_from(SCOPES), some.sampled_from([None, 10, 30])),
    max_size=6,
    unique_by=lambda one: one[:2],
)


def built(structure: list[tuple[set[str], set[int]]]) -> dict[str, Definition]:
    """Roles that include only later ones, so that no circle can come up."""
    return {
        name: Definition(name, frozenset(own), frozenset(ROLES[other] for other in others if other > number))
        for number, (name, (own, others)) in enumerate(zip(ROLES, structure, strict=True))
    }


def naive(roles: dict[str, Definition], name: str) -> set[str]:
    """What a role may do, by asking each role it includes in turn."""
    return set(roles[name].permissions).union(*(naive(roles, other) for other in roles[name].includes))


def reached(roles: dict[str, Definition], name: str) -> set[str]:
    """The role and those it includes, by asking each in turn."""
    return {name}.union(*(reached(roles, other) for other in roles[name].includes))


@given(structures)
def test_inclusion_is_what_a_naive_model_says(structure: list[tuple[set[str], set[int]]]) -> None:
    roles = built(structure)
    assert graph.circle(roles) is None
    for name in ROLES:
        assert graph.permissions(roles, [name]) == naive(roles, name)
        assert all((other in graph.including(roles, name)) == (name in graph.included(roles, other)) for other in ROLES)


def test_the_rights_required_to_grant_a_role() -> None:
    """Every permission of it, and the name of each role in it that has none; one that is not there is a name too."""
    roles = {
        "bare": Definition("bare"),
        "full": Definition("full", frozenset({"posts:read"})),
        "both": Definition("both", frozenset({"posts:write"}), frozenset({"bare", "full"})),
        "around": Definition("around", includes=frozenset({"full"})),
    }
    found = {name: graph.rights(roles, [name]) for name in (*roles, "gone")}
    assert found == {
        "bare": Rights(names=frozenset({"bare"})),
        "full": Rights(frozenset({"posts:read"})),
        "both": Rights(frozenset({"posts:read", "posts:write"}), frozenset({"bare"})),
        "around": Rights(frozenset({"posts:read"})),
        "gone": Rights(names=frozenset({"gone"})),
    }
    assert not Rights()
    assert found["both"] - found["full"] == Rights(frozenset({"posts:write"}), frozenset({"bare"}))


@given(structures, some.sampled_from(ROLES))
def test_a_circle_is_found(structure: list[tuple[set[str], set[int]]], name: str) -> None:
    roles = built(structure)
    for other in graph.included(roles, name):
        closed = {**roles, other: Definition(other, frozenset(), roles[other].includes | {name})}
        assert graph.circle(closed) is not None


@pytest.fixture
def auth(sqlite_database: str) -> Iterator[Auth]:
    """An Auth with a clock that the test controls; the database is emptied for each example."""
    made = new_auth(
        sqlite_database,
        Clock(),
        Mailbox(),
        features=[Password(), Role(permissions=[Permission(name) for name in PERMISSIONS])],
    )
    yield made
    asyncio.run(made.close())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(structures, grants, some.sampled_from([0, 20, 40]))
def test_rights_are_what_a_naive_model_says(
    auth: Auth,
    structure: list[tuple[set[str], set[int]]],
    granted: list[tuple[str, str, int | None]],
    minutes: int,
) -> None:
    asyncio.run(_compare(auth, built(structure), granted, minutes))


async def _compare(
    auth: Auth, roles: dict[str, Definition], granted: list[tuple[str, str, int | None]], minutes: int
) -> None:
    for table in (Grant, RolePermission, RoleRow):
        await auth.database.rows(delete(table))
    user = await users.create(auth, f"{auth.new_id()}@example.com")
    for name in reversed(ROLES):
        await definitions.create(auth, roles[name], OPERATOR)
    for role, scope, ends in granted:
        end = None if ends is None else auth.now() + timedelta(minutes=ends)
        await managers.grant(auth, user.id, role, OPERATOR, scope=scope, expires_at=end)
    began = auth.now()
    auth.now.travel(minutes=minutes)  # type: ignore[attr-defined]
    alive = [(role, scope) for role, scope, ends in granted if ends is None or ends > minutes]
    async with auth.transaction() as db:
        claims = await rights.claims(auth, db, user.id)
    until = claims.pop("until", None)
    next_end = min((ends for _, _, ends in granted if ends is not None and ends > minutes), default=None)
    assert (until and round((until - began) / timedelta(minutes=1))) == next_end
    # A demand of a route finds in the claims what the database says.
    told = {"": claims, **claims.pop("scopes", {})}
    assert set(told) == {"", *(scope for _, scope in alive)}
    for scope, part in told.items():
        names = {one for role, where in alive if where == scope for one in reached(roles, role)}
        assert part == {
            "roles": sorted(names),
            "permissions": sorted({one for name in names for one in roles[name].permissions}),
        }
    everywhere = {one for role, scope in alive if not scope for one in naive(roles, role)}
    feature = auth.of(Role)
    for permission in PERMISSIONS:
        assert await feature.allowed(user, permission) == (permission in everywhere)
    for scope in SCOPES[1:]:
        within = everywhere | {one for role, where in alive if where == scope for one in naive(roles, role)}
        for permission in PERMISSIONS:
            assert await feature.allowed(user, permission, scope=scope) == (permission in within)
            found = {row.scope for row in await auth.database.rows(feature.scopes(user, permission))}
            assert (scope in found or "" in found) == (permission in within)
    await auth.database.close()
