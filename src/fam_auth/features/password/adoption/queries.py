"""Statements that import users, one batch at a time."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.features.password.models import PasswordHash
from fam_auth.models import Email, User


def known(keys: Collection[str], ids: Collection[UUID], addresses: Collection[str]) -> Rows:
    """The users with one of these keys, ids or addresses; each row has all three."""
    met = or_(User.key.in_(keys), User.id.in_(ids), Email.canonical.in_(addresses))
    return select(User.id, User.key, Email.canonical).join(Email, Email.user_id == User.id).where(met)


def add_users() -> UpdateBase:
    """Adds users, one per row; returns the ids of those whose id and key were free."""
    return postgresql.insert(User).on_conflict_do_nothing().returning(User.id)


def claim_addresses() -> UpdateBase:
    """Adds their addresses; returns the ids of the users whose address was free."""
    return postgresql.insert(Email).on_conflict_do_nothing(index_elements=[Email.canonical]).returning(Email.user_id)


def give_up(user_ids: Collection[UUID]) -> UpdateBase:
    """Deletes the new users whose address was taken meanwhile."""
    return delete(User).where(User.id.in_(user_ids))


def add_hashes() -> UpdateBase:
    """Adds their password hashes."""
    return insert(PasswordHash)
