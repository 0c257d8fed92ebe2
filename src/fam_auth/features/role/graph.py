"""Roles include roles: what follows from that, without any database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A role: the permissions it has itself, and the roles whose permissions it has too.

    `in_code` when the code declares it.
    """

    name: str
    permissions: frozenset[str] = frozenset()
    includes: frozenset[str] = frozenset()
    description: str | None = None
    in_code: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """Permissions, and names of roles: those that somebody has, or those that have to be had to give something."""

    permissions: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.permissions or self.names)

    def __sub__(self, other: "Rights") -> "Rights":
        return Rights(self.permissions - other.permissions, self.names - other.names)


Roles = Mapping[str, Definition]


def included(roles: Roles, name: str) -> set[str]:
    """The role with all that it includes, however far away."""
    found, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        if current not in found and current in roles:
            found.add(current)
            waiting.extend(roles[current].includes)
    return found


def including(roles: Roles, name: str) -> set[str]:
    """The role with all that include it."""
    return {other for other in roles if name in included(roles, other)} | {name}


def permissions(roles: Roles, names: Iterable[str]) -> set[str]:
    """What somebody may do who has these roles."""
    every = {role for name in names for role in included(roles, name)}
    return {permission for role in every for permission in roles[role].permissions}


def rights(roles: Roles, names: Iterable[str]) -> Rights:
    """What has to be had to give these roles with all that they include.

    That is every permission of theirs. A role without any is worth its name alone, for routes that ask for it: that
    name has to be had.
    """
    every = {role for name in names for role in included(roles, name) | {name}}
    bare = frozenset(name for name in every if not permissions(roles, [name]))
    return Rights(frozenset(permissions(roles, every)), bare)


def circle(roles: Roles) -> str | None:
    """The name of a role that includes itself; None when there is none."""
    for name, role in sorted(roles.items()):
        if any(name in included(roles, part) for part in role.includes):
            return name
    return None
