"""Statements about roles and grants."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.features.role.models import Grant, Role, RoleInclusion, RolePermission
from fam_auth.models import Email, User
from fam_auth.repository.data_access.queries import users

EVERYTHING = ""
"""The scope of a grant that holds everywhere."""


def roles() -> Rows:
    """Every role."""
    return select(Role.name, Role.description, Role.in_code)


def permissions() -> Rows:
    """Every role's own permissions."""
    return select(RolePermission.role, RolePermission.permission)


def inclusions() -> Rows:
    """Every direct inclusion of a role."""
    return select(RoleInclusion.role, RoleInclusion.includes)


def hold_all() -> Rows:
    """Locks every role, so that no other transaction changes roles until this one ends."""
    return select(Role.name).order_by(Role.name).with_for_update()


def hold(name: str) -> Rows:
    """Locks the role, so that no other transaction changes, deletes, grants or revokes it until this one ends."""
    return select(Role.name).where(Role.name == name).with_for_update()


def put(name: str, description: str | None, now: datetime, *, in_code: bool) -> UpdateBase:
    """Creates the role, or updates its columns."""
    changed = {"description": description, "in_code": in_code}
    added = postgresql.insert(Role).values(name=name, created_at=now, **changed)
    return added.on_conflict_do_update(index_elements=[Role.name], set_=changed)


def add(name: str, description: str | None, now: datetime) -> UpdateBase:
    """Creates a role and returns its name; nothing if the name is taken."""
    added = postgresql.insert(Role).values(name=name, description=description, in_code=False, created_at=now)
    return added.on_conflict_do_nothing(index_elements=[Role.name]).returning(Role.name)


def remove(name: str) -> UpdateBase:
    """Deletes a role with its permissions and inclusions."""
    return delete(Role).where(Role.name == name)


def release(names: Iterable[str]) -> UpdateBase:
    """Marks these roles as no longer declared by the code."""
    return update(Role).where(Role.name.in_(list(names))).values(in_code=False)


def clear_parts(name: str) -> tuple[UpdateBase, UpdateBase]:
    """Removes the permissions and inclusions of a role."""
    return (
        delete(RolePermission).where(RolePermission.role == name),
        delete(RoleInclusion).where(RoleInclusion.role == name),
    )


def add_parts(name: str, permissions: Iterable[str], includes: Iterable[str]) -> list[UpdateBase]:
    """Adds permissions and inclusions to a role."""
    has = [{"role": name, "permission": permission} for permission in sorted(permissions)]
    holds = [{"role": name, "includes": other} for other in sorted(includes)]
    return [
        *([insert(RolePermission).values(has)] if has else []),
        *([insert(RoleInclusion).values(holds)] if holds else []),
    ]


def is_in_force(now: datetime) -> ColumnElement[bool]:
    """Whether a grant is neither revoked nor expired."""
    return and_(Grant.revoked_at.is_(None), or_(Grant.expires_at.is_(None), Grant.expires_at > now))


@built_once
def held(user_id: UUID, now: datetime) -> Rows:
    """The rights of a user: a row for each role (granted or included) with scope, expiry and permission, if any."""
    granted = select(Grant.role, Grant.scope, Grant.expires_at).where(Grant.user_id == user_id, is_in_force(now))
    having = granted.cte("having", recursive=True)
    further = select(RoleInclusion.includes, having.c.scope, having.c.expires_at).where(
        RoleInclusion.role == having.c.role
    )
    every = having.union(further)
    return select(every.c.role, every.c.scope, every.c.expires_at, RolePermission.permission).outerjoin_from(
        every, RolePermission, RolePermission.role == every.c.role
    )


def carrying(permission: str) -> Select[str]:
    """The roles with a permission, their own or an included one."""
    having = select(RolePermission.role).where(RolePermission.permission == permission)
    carrying = having.cte("carrying", recursive=True)
    every = carrying.union(select(RoleInclusion.role).where(RoleInclusion.includes == carrying.c.role))
    return select(every.c.role)


def scopes(user_id: UUID, permission: str, now: datetime) -> Select[str]:
    """The scopes in which a user has a permission; an empty one means everything."""
    of_user = select(Grant.scope).where(Grant.user_id == user_id, is_in_force(now))
    return of_user.where(Grant.role.in_(carrying(permission))).distinct()


def permits(user_id: UUID, permission: str, scope: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Whether a user has a permission for everything, or in the scope of this expression."""
    of_user = exists().where(Grant.user_id == user_id, is_in_force(now), Grant.role.in_(carrying(permission)))
    return of_user.where(or_(Grant.scope == EVERYTHING, Grant.scope == scope))


def holders(names: Iterable[str], now: datetime) -> Rows:
    """The ids of the users who were granted one of these roles."""
    return select(Grant.user_id).where(Grant.role.in_(list(names)), is_in_force(now))


def grants(**where: Any) -> Rows:
    """Grants with these values in their columns, newest first, including ended ones."""
    return select(*GRANT).filter_by(**where).order_by(Grant.id.desc())


def older(statement: Rows, than: UUID | None, limit: int) -> Rows:
    """One page of grants, older than the grant `than`."""
    return (statement if than is None else statement.where(Grant.id < than)).limit(limit)


def grants_in_force(now: datetime, **where: Any) -> Rows:
    """The grants in force with these values in their columns, newest first, with the addresses of their users."""
    found = grants(**where).where(is_in_force(now))
    return found.add_columns(Email.address).join(Email, Email.user_id == Grant.user_id)


def grant(**columns: Any) -> UpdateBase:
    """Adds a grant."""
    return insert(Grant).values(**columns)


def revoke(now: datetime, by: UUID | None, **where: Any) -> UpdateBase:
    """Revokes the grants with these values in their columns, and returns them."""
    chosen = [getattr(Grant, name) == value for name, value in where.items()]
    ended = {"revoked_at": now, "revoked_by": by}
    return update(Grant).where(*chosen, Grant.revoked_at.is_(None)).values(**ended).returning(*GRANT)


def administrators(role: str, now: datetime, *, proved: bool) -> Rows:
    """The users with a permanent grant of the role for everything, not suspended; `proved`: with a verified address."""
    lasting = (Grant.role == role, Grant.scope == EVERYTHING, Grant.revoked_at.is_(None), Grant.expires_at.is_(None))
    found = select(Grant.user_id).join(User, User.id == Grant.user_id).where(*lasting, users.is_active(now))
    has_proved = exists().where(Email.user_id == Grant.user_id, Email.verified_at.is_not(None))
    return found.where(has_proved) if proved else found


GRANT = (
    Grant.id,
    Grant.user_id,
    Grant.role,
    Grant.scope,
    Grant.granted_at,
    Grant.granted_by,
    Grant.expires_at,
    Grant.revoked_at,
)
