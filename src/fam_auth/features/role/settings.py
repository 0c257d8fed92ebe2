"""The settings of the role feature: the permissions, and the roles that the code declares."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Feature
from fam_auth.features.role import graph
from fam_auth.features.role.graph import Definition

ADMIN = "admin"
ROLE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
PERMISSION_NAME = re.compile(r"[a-z][a-z0-9_.-]*:[a-z][a-z0-9_.-]*")


class Permission(BaseModel):
    """Something that may be done, named `resource:action`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=100, pattern=f"^{PERMISSION_NAME.pattern}$")
    description: str = ""

    def __init__(self, name: str, description: str = "", **more: Any) -> None:
        super().__init__(name=name, description=description, **more)


OWN = (
    Permission("users:read", "View users."),
    Permission("users:manage", "Invite, edit, suspend and delete users."),
    Permission("sessions:manage", "Sign users out."),
    Permission("events:read", "View the events of all users."),
    Permission("roles:manage", "Create, change, grant and revoke roles."),
    Permission("service:read", "View the configuration and queued emails."),
    Permission("service:manage", "Send queued emails again."),
)


def _named(value: object) -> object:
    return Permission(value) if isinstance(value, str) else value


class RoleSettings(Feature):
    """The permissions of the application, and the roles that its code declares.

    A role is a list of permissions (with a colon) and of included roles (without). The role `admin` always exists with
    the permissions of fam-auth itself; list the application's permissions that it should have.
    """

    name: ClassVar[str] = "role"

    permissions: Sequence[Annotated[Permission, BeforeValidator(_named)]] = Field(
        (),
        description='Permissions of the application, such as ["posts:publish"] or [{"name": ..., "description": ...}].',
    )
    roles: Mapping[str, Sequence[str]] = Field(
        {}, description='Roles of the application, such as {"editor": ["posts:publish"], "chief": ["editor"]}.'
    )

    @property
    def declared(self) -> dict[str, Permission]:
        """Every permission by name, those of fam-auth and those of the application."""
        return {one.name: one for one in (*OWN, *self.permissions)}

    @property
    def definitions(self) -> dict[str, Definition]:
        """The roles that the code declares, by name."""
        given = {ADMIN: (), **self.roles}
        own = {ADMIN: {one.name for one in OWN}}
        return {
            name: Definition(
                name,
                frozenset(part for part in parts if ":" in part) | own.get(name, set()),
                frozenset(part for part in parts if ":" not in part),
            )
            for name, parts in given.items()
        }

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        names = [one.name for one in (*OWN, *self.permissions)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the permission {twice[0]} is declared twice")
        definitions = self.definitions
        for role in definitions.values():
            if not ROLE_NAME.fullmatch(role.name):
                raise ValueError(f"{role.name!r} is not a valid role name: use lower-case letters, digits, - and _")
            for unknown in sorted((role.permissions - set(names)) | (role.includes - definitions.keys())):
                raise ValueError(f"the role {role.name} has {unknown}, which is not declared")
        if circle := graph.circle(definitions):
            raise ValueError(f"the role {circle} includes itself")
        return self

    def check_declared(self, kind: str, name: str, path: str) -> None:
        """Raises Misconfigured if a route requires a permission or role that no user can have."""
        if kind == "permission" and name not in self.declared:
            raise Misconfigured(f"{path} requires the permission {name}. Add it to Role(permissions=[...]).")
        if kind == "role" and not ROLE_NAME.fullmatch(name):
            raise Misconfigured(f"{path} requires the role {name}, which is not a valid role name.")
