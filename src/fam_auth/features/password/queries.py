"""Statements about passwords."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.features.password.hashes.stored import ADOPTED, WRAPPED
from fam_auth.features.password.models import PasswordHash
from fam_auth.models import Email, User
from fam_auth.repository.data_access.queries.users import is_active


@built_once
def of_address(canonical: str, now: datetime) -> Rows:
    """The user of an address, if they may sign in, with their hash, which is None when they have no password."""
    return (
        select(User.id, PasswordHash.digest)
        .join(Email, Email.user_id == User.id)
        .outerjoin(PasswordHash, PasswordHash.user_id == User.id)
        .where(Email.canonical == canonical, is_active(now))
    )


def put(user_id: UUID, digest: str, now: datetime) -> UpdateBase:
    """The user has this password from now on, whatever they had before."""
    first = postgresql.insert(PasswordHash).values(user_id=user_id, digest=digest, changed_at=now)
    return first.on_conflict_do_update(
        index_elements=[PasswordHash.user_id],
        set_={"digest": digest, "changed_at": now},
    )


def replace(user_id: UUID, old: str, new: str, now: datetime) -> UpdateBase:
    """Another password in place of the one that was judged: returns the user, and nothing when it is not in force."""
    return (
        update(PasswordHash)
        .where(PasswordHash.user_id == user_id, PasswordHash.digest == old)
        .values(digest=new, changed_at=now)
        .returning(PasswordHash.user_id)
    )


def remove(user_id: UUID) -> UpdateBase:
    """The user has no password any more."""
    return delete(PasswordHash).where(PasswordHash.user_id == user_id)


def upgrade(user_id: UUID, old: str, new: str) -> UpdateBase:
    """The same password under newer parameters, unless it was changed in between."""
    return update(PasswordHash).where(PasswordHash.user_id == user_id, PasswordHash.digest == old).values(digest=new)


def of_bcrypt() -> Rows:
    """A row, when there is a user whose adopted hash is one of bcrypt."""
    forms = (PasswordHash.digest.startswith(f"{form}bcrypt$") for form in (ADOPTED, WRAPPED))
    return select(PasswordHash.user_id).where(or_(*forms)).limit(1)


@built_once
def still(user_id: UUID, digest: str) -> Rows:
    """A row as long as the user's password is the one that was judged."""
    return select(PasswordHash.user_id).where(PasswordHash.user_id == user_id, PasswordHash.digest == digest)
