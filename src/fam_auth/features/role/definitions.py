"""Roles: list, create, change and delete them, and synchronize them with the code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.database import retried
from fam_auth.events import Event
from fam_auth.exceptions import Forbidden, InvalidRequest, Message, NotFound
from fam_auth.features.role import graph, queries, reach
from fam_auth.features.role.events import RoleChanged, RoleCreated, RoleDeleted
from fam_auth.features.role.graph import Definition, Rights, Roles
from fam_auth.features.role.settings import ADMIN, OWN, ROLE_NAME, RoleSettings
from fam_auth.repository.data_access.managers import events, sessions
from fam_auth.values import Actor, Client

# Longer names are no typing errors, so the problem does not repeat them.
LONGEST_PERMISSION = 99
BY_CODE = Actor(Client(agent="the application's code"))


@dataclass(frozen=True, slots=True)
class Change:
    """What `sync` does to a role. `before` None: it is new. `after` None: the code does not declare it any more."""

    name: str
    before: Definition | None
    after: Definition | None


async def every(auth: Auth, db: AsyncSession | None = None) -> dict[str, Definition]:
    """All roles by name."""
    async with auth.transaction(db) as joined:
        permissions, includes = dict[str, set[str]](), dict[str, set[str]]()
        for row in await joined.execute(queries.permissions()):
            permissions.setdefault(row.role, set()).add(row.permission)
        for row in await joined.execute(queries.inclusions()):
            includes.setdefault(row.role, set()).add(row.includes)
        return {
            row.name: Definition(
                row.name,
                frozenset(permissions.get(row.name, ())),
                frozenset(includes.get(row.name, ())),
                row.description,
                row.in_code,
            )
            for row in await joined.execute(queries.roles())
        }


async def get(auth: Auth, name: str) -> Definition:
    """The role. Raises NotFound."""
    return found(await every(auth), name)


def found(roles: Roles, name: str) -> Definition:
    """The role. Raises NotFound."""
    if name not in roles:
        raise NotFound
    return roles[name]


@retried
async def create(auth: Auth, wanted: Definition, actor: Actor) -> Definition:
    """Creates a role. Raises InvalidRequest, and Forbidden if the actor lacks one of its permissions."""
    if not ROLE_NAME.fullmatch(wanted.name):
        raise InvalidRequest.of("name", "invalid_name")
    # The code declares this role: a user who created it first would get its permissions at the next `sync`.
    if actor.user_id is not None and wanted.name in auth.of(RoleSettings).definitions:
        raise InvalidRequest.of("name", "taken", Message("role.name_taken"))
    async with auth.transaction() as db:
        await db.execute(queries.hold_all())
        roles = await every(auth, db)
        if (await db.execute(queries.add(wanted.name, wanted.description, auth.now()))).first() is None:
            raise InvalidRequest.of("name", "taken", Message("role.name_taken"))
        await _define(auth, db, roles, wanted, actor)
    return wanted


@retried
async def change(auth: Auth, name: str, edit: Callable[[Definition], Definition], actor: Actor) -> Definition:
    """Changes the role to the result of `edit`, at once for every user who has it.

    Raises NotFound, InvalidRequest, and Forbidden if the actor lacks a permission or `admin` would lose one of its own.
    """
    async with auth.transaction() as db:
        await db.execute(queries.hold_all())
        roles = await every(auth, db)
        wanted = edit(found(roles, name))
        await _define(auth, db, roles, wanted, actor)
    return wanted


@retried
async def delete(auth: Auth, name: str, actor: Actor) -> None:
    """Deletes the role, and revokes it from every user who has it.

    Raises NotFound, and Forbidden for `admin` or if the actor lacks one of its permissions.
    """
    if name == ADMIN:
        raise Forbidden(Message("role.admin_stays"))
    async with auth.transaction() as db:
        await db.execute(queries.hold_all())
        roles = await every(auth, db)
        gone = found(roles, name)
        after = {other: one for other, one in roles.items() if other != name}
        await _check_reach(auth, db, actor, roles, after, name)
        await sessions.outdate_claims(auth, db, queries.holders(graph.including(roles, name), auth.now()))
        event = _event(auth, RoleDeleted, actor, gone, None)
        await db.execute(queries.revoke(auth.now(), actor.user_id, role=name))
        await events.record(auth, db, event, queries.remove(name))


async def plan(auth: Auth, db: AsyncSession | None = None) -> list[Change]:
    """The changes that `sync` would make."""
    declared, stored = auth.of(RoleSettings).definitions, await every(auth, db)
    wanted = {
        name: replace(role, in_code=True, description=stored[name].description if name in stored else None)
        for name, role in declared.items()
    }
    changed = [Change(name, stored.get(name), role) for name, role in wanted.items() if stored.get(name) != role]
    given_up = [Change(name, role, None) for name, role in stored.items() if role.in_code and name not in wanted]
    return [*changed, *given_up]


@retried
async def sync(auth: Auth) -> list[Change]:
    """Writes the roles that the code declares to the database; returns the changes.

    A role that the code no longer declares stays, and administrators may change it from then on.
    """
    async with auth.transaction() as db:
        await db.execute(queries.hold_all())
        changes = await plan(auth, db)
        for one in changes:
            if one.after is not None:
                await db.execute(queries.put(one.name, one.after.description, auth.now(), in_code=True))
        await db.execute(queries.release(one.name for one in changes if one.after is None))
        for one in changes:
            if one.after is not None:
                await _define(auth, db, await every(auth, db), one.after, BY_CODE, before=one.before)
    return changes


@retried
async def ensure_admin(auth: Auth) -> None:
    """Creates the role `admin` if it is missing, even if the other roles are not synchronized yet."""
    async with auth.transaction() as db:
        await db.execute(queries.hold_all())
        roles = await every(auth, db)
        if ADMIN not in roles:
            await db.execute(queries.put(ADMIN, None, auth.now(), in_code=True))
            own = Definition(ADMIN, frozenset(one.name for one in OWN), in_code=True)
            await _define(auth, db, roles, own, BY_CODE)


async def _define(  # noqa: PLR0913 - what was, what shall be, and by whom
    auth: Auth,
    db: AsyncSession,
    roles: Roles,
    wanted: Definition,
    actor: Actor,
    *,
    before: Definition | None = None,
) -> None:
    """Writes the role's permissions and inclusions; they hold from the next request of every user who has it."""
    before = before or roles.get(wanted.name)
    after = {**roles, wanted.name: wanted}
    _check_sound(auth, after, wanted, kept=before.permissions if before else frozenset())
    await _check_reach(auth, db, actor, roles, after, wanted.name)
    await sessions.outdate_claims(auth, db, queries.holders(graph.including(roles, wanted.name), auth.now()))
    for statement in (
        *queries.clear_parts(wanted.name),
        *queries.add_parts(wanted.name, wanted.permissions, wanted.includes),
    ):
        await db.execute(statement)
    kind = RoleCreated if before is None else RoleChanged
    kept = queries.put(wanted.name, wanted.description, auth.now(), in_code=wanted.in_code)
    await events.record(auth, db, _event(auth, kind, actor, before, wanted), kept)


async def _check_reach(  # noqa: PLR0913, PLR0917 - who makes what of which role
    auth: Auth, db: AsyncSession, actor: Actor, roles: Roles, after: Roles, name: str
) -> None:
    """Checks that the actor may change the role. Raises Forbidden.

    The actor must permanently have every right that the role gets, and now every right that it, or a role that includes
    it, loses. Otherwise an actor could remove a permission that they lack from a role, and then act on the users who
    had it, or grant themselves the role: a role without permissions requires only its own name to be granted.
    """
    if actor.user_id is None:
        return
    gets = _rights(after, name) - _rights(roles, name) - Rights(names=frozenset({name}))
    await reach.check(auth, db, actor, gets)
    lost = [_rights(roles, other) - _rights(after, other) for other in graph.including(roles, name)]
    own = {name} if await _is_free(auth, db, roles, name) else set()
    permissions = frozenset(one for rights in lost for one in rights.permissions)
    names = frozenset(one for rights in lost for one in rights.names)
    await reach.check(auth, db, actor, Rights(permissions, names - own), until=auth.now())


def _rights(roles: Roles, name: str) -> Rights:
    """The rights that an actor needs to grant the role; none if the role does not exist."""
    return graph.rights(roles, [name]) if name in roles else Rights()


async def _is_free(auth: Auth, db: AsyncSession, roles: Roles, name: str) -> bool:
    """Whether a role's name gives no right yet: no code declares it, no role includes it and no user has it."""
    if name not in roles or roles[name].in_code or graph.including(roles, name) != {name}:
        return False
    return (await db.execute(queries.holders([name], auth.now()).limit(1))).first() is None


def _check_sound(auth: Auth, roles: Roles, wanted: Definition, *, kept: frozenset[str]) -> None:
    """Checks a role's definition. Permissions in `kept` may stay although the code no longer declares them.

    Raises InvalidRequest, and Forbidden if `admin` would lose one of its own permissions.
    """
    settings = auth.of(RoleSettings)
    for unknown in sorted(wanted.permissions - settings.declared.keys() - kept):
        named = Message("role.no_permission", {"name": unknown}) if len(unknown) <= LONGEST_PERMISSION else None
        raise InvalidRequest.of("permissions", "unknown_permission", named)
    if wanted.includes - roles.keys():
        raise InvalidRequest.of("includes", "unknown_role")
    if graph.circle(roles):
        raise InvalidRequest.of("includes", "circle")
    if wanted.name == ADMIN and not {one.name for one in OWN} <= wanted.permissions:
        raise Forbidden(Message("role.admin_keeps"))


def _event(auth: Auth, kind: type[Event], actor: Actor, before: Definition | None, after: Definition | None) -> Event:
    some = after or before
    assert some is not None  # noqa: S101 - every event is about a role
    detail = {"role": some.name, "before": _told(before), "after": _told(after)}
    return kind(at=auth.now(), actor_id=actor.user_id, client=actor.client, detail=detail)


def _told(role: Definition | None) -> Mapping[str, list[str] | str | None] | None:
    if role is None:
        return None
    parts = {"permissions": sorted(role.permissions), "includes": sorted(role.includes)}
    return {**parts, "description": role.description}
