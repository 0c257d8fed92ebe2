"""Administrators, and somebody for them to administer."""

from uuid import uuid4

from fam_auth.demands import MANAGES_ROLES
from fam_auth.features.role import definitions
from fam_auth.features.role import managers as roles
from fam_auth.features.role.graph import Definition
from fam_auth.repository.data_access.managers import users
from tests.support.browsing import Browser, member
from tests.support.people import OPERATOR, World

EVERY = (
    "events:read",
    "roles:manage",
    "service:manage",
    "service:read",
    "sessions:manage",
    "users:manage",
    "users:read",
)


async def administrator(world: World, *permissions: str, email: str = "grace@example.com") -> Browser:
    """Somebody who is signed in and has these permissions by a role of their own."""
    theirs = await member(world, email)
    name = f"r{uuid4().hex[:8]}"
    await definitions.create(world.auth, Definition(name, frozenset(permissions)), OPERATOR)
    await roles.grant(world.auth, (await users.found(world.auth, email)).id, name, OPERATOR)
    return theirs


async def scene(world: World) -> dict[str, str]:
    """Somebody to administer, a role that they have, and a mail that waits for them."""
    await member(world, "bob@example.com")
    bob = await users.found(world.auth, "bob@example.com")
    await definitions.create(world.auth, Definition("helper", frozenset({MANAGES_ROLES})), OPERATOR)
    await world.mails(bob.email)
    return {"user": str(bob.id), "mail": str(uuid4())}
