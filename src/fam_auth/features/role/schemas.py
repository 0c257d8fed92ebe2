"""The requests and responses of the role routes."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import ConfigDict, Field

from fam_auth.features.role.graph import Definition
from fam_auth.schemas.base import Answer, Body, Moment, Text

RoleName = Annotated[Text, Field(min_length=1, max_length=63, examples=["editor"])]
Names = Annotated[frozenset[Annotated[Text, Field(max_length=100)]], Field(max_length=500)]


class PermissionItem(Answer):
    """A declared permission."""

    name: str = Field(examples=["users:read"])
    description: str


class RoleAnswer(Answer):
    """A role."""

    name: str = Field(examples=["editor"])
    description: str | None
    permissions: list[str] = Field(description="Permissions of the role itself.", examples=[["users:read"]])
    includes: list[str] = Field(description="Roles whose permissions this role includes.", examples=[[]])
    in_code: bool = Field(
        description="Whether the code of the application declares the role. A sync then overwrites changes."
    )

    @classmethod
    def of(cls, role: Definition) -> "RoleAnswer":
        """The response for a role."""
        return cls(
            name=role.name,
            description=role.description,
            permissions=sorted(role.permissions),
            includes=sorted(role.includes),
            in_code=role.in_code,
        )


class NewRole(Body):
    """A new role."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "support", "permissions": ["users:read"]}})

    name: RoleName
    description: Annotated[Text, Field(max_length=500)] | None = None
    permissions: Names = frozenset()
    includes: Names = frozenset()

    def definition(self) -> Definition:
        """The new role as a definition."""
        return Definition(self.name, self.permissions, self.includes, self.description)


class RoleChange(Body):
    """Changes of a role. Fields that are left out stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"example": {"permissions": ["users:read", "events:read"]}})

    description: Annotated[Text, Field(max_length=500)] | None = None
    permissions: Names | None = None
    includes: Names | None = None

    def applied(self, role: Definition) -> Definition:
        """The role with these changes."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return replace(
            role, **{name: value for name, value in said.items() if name == "description" or value is not None}
        )


class GrantBody(Body):
    """The end of the grant; null for a permanent one."""

    model_config = ConfigDict(json_schema_extra={"example": {"expires_at": "2030-01-01T00:00:00Z"}})

    expires_at: Moment | None = None


class Granted(Protocol):
    """A row of grants."""

    @property
    def scope(self) -> str: ...


class GrantItem(Answer):
    """A grant of a role to a user."""

    id: UUID
    user_id: UUID
    role: str = Field(examples=["editor"])
    scope: str | None = Field(description="Scope of the grant. null: everywhere.", examples=["project:42"])
    granted_at: datetime
    granted_by: UUID | None = Field(description="User who granted the role. null: the command line or code.")
    expires_at: datetime | None = Field(description="When the grant expires. null: never.")
    revoked_at: datetime | None = Field(description="When the grant was revoked. null: not revoked.")

    @classmethod
    def of(cls, row: "Granted") -> "GrantItem":
        """The item of a row."""
        shown = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate({**shown, "scope": row.scope or None})
