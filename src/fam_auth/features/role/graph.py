"""Roles that include roles: pure functions, without a database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A role: its own permissions, and the roles that it includes with theirs. `in_code`: the code declares it."""

    name: str
    permissions: frozenset[str] = frozenset()
    includes: frozenset[str] = frozenset()
    description: str | None = None
    in_code: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """Permissions and names of roles: those that a user has, or those that an action requires."""

    permissions: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.permissions or self.names)

    def __sub__(self, other: "Rights") -> "Rights":
        return Rights(self.permissions - other.permissions, self.names - other.names)


Roles = Mapping[str, Definition]


def included(roles: Roles, name: str) -> set[str]:
    """The role and all roles that it includes, directly or not."""
    found, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        if current not in found and current in roles:
            found.add(current)
            waiting.extend(roles[current].includes)
    return found


def including(roles: Roles, name: str) -> set[str]:
    """The role and all roles that include it, directly or not."""
    return {other for other in roles if name in included(roles, other)} | {name}


def permissions(roles: Roles, names: Iterable[str]) -> set[str]:
    """The permissions of a user with these roles."""
    every = {role for name in names for role in included(roles, name)}
    return {permission for role in every for permission in roles[role].permissions}


def rights(roles: Roles, names: Iterable[str]) -> Rights:
    """The rights that an actor needs to grant these roles: all their permissions, included ones too.

    For a role without any permission, the actor needs the role itself: routes may require it by its name.
    """
    every = {role for name in names for role in included(roles, name) | {name}}
    bare = frozenset(name for name in every if not permissions(roles, [name]))
    return Rights(frozenset(permissions(roles, every)), bare)


def circle(roles: Roles) -> str | None:
    """The name of a role that includes itself, directly or not; None without one."""
    for name, role in sorted(roles.items()):
        if any(name in included(roles, part) for part in role.includes):
            return name
    return None
