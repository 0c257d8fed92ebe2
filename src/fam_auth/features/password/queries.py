"""Statements about passwords."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import built_once
from fam_auth.features.password.imported_hashes.stored import ADOPTED, WRAPPED
from fam_auth.features.password.models import PasswordHash, RegisteredPassword
from fam_auth.models import Email, Registration, User
from fam_auth.repository.data_access.queries import users
from fam_auth.repository.data_access.queries.users import is_active

MOST_WAITING = 40  # five mails a day for seven days, after which an unverified account is purged


@built_once
def of_address(canonical: str, now: datetime) -> Rows:
    """The user of an address, if not suspended, with their hash; None: they have no password."""
    return (
        select(User.id, PasswordHash.digest)
        .join(Email, Email.user_id == User.id)
        .outerjoin(PasswordHash, PasswordHash.user_id == User.id)
        .where(Email.canonical == canonical, is_active(now))
    )


def put(user_id: UUID, digest: str, now: datetime) -> UpdateBase:
    """Sets the user's password hash."""
    first = postgresql.insert(PasswordHash).values(user_id=user_id, digest=digest, changed_at=now)
    return first.on_conflict_do_update(
        index_elements=[PasswordHash.user_id],
        set_={"digest": digest, "changed_at": now},
    )


def keep(registration_id: UUID, digest: str) -> UpdateBase:
    """Adds the password hash of a waiting registration."""
    return insert(RegisteredPassword).values(registration_id=registration_id, digest=digest)


def waiting(user_id: UUID) -> Rows:
    """The password hashes of an account's waiting registrations, newest first, at most MOST_WAITING."""
    found = select(RegisteredPassword.registration_id, RegisteredPassword.digest)
    mine = found.join(Registration, Registration.id == RegisteredPassword.registration_id)
    return mine.where(Registration.user_id == user_id).order_by(Registration.id.desc()).limit(MOST_WAITING)


def bring_into_force(user_id: UUID, registration_id: UUID, now: datetime) -> UpdateBase:
    """Gives the user the password of the registration, instead of their current one."""
    user, at = literal(user_id, PasswordHash.user_id.type), literal(now, PasswordHash.changed_at.type)
    of_registration = select(user, RegisteredPassword.digest, at).where(
        RegisteredPassword.registration_id == registration_id
    )
    put = postgresql.insert(PasswordHash).from_select(["user_id", "digest", "changed_at"], of_registration)
    changed = {"digest": put.excluded.digest, "changed_at": put.excluded.changed_at}
    return put.on_conflict_do_update(index_elements=[PasswordHash.user_id], set_=changed)


def remove(user_id: UUID) -> UpdateBase:
    """Removes the user's password."""
    return delete(PasswordHash).where(PasswordHash.user_id == user_id)


def upgrade(user_id: UUID, old: str, new: str) -> UpdateBase:
    """Replaces the hash by one of the same password with newer parameters, unless it has changed meanwhile."""
    return update(PasswordHash).where(PasswordHash.user_id == user_id, PasswordHash.digest == old).values(digest=new)


def of_bcrypt() -> Rows:
    """A row if an imported user has a bcrypt hash."""
    forms = (PasswordHash.digest.startswith(f"{form}bcrypt$") for form in (ADOPTED, WRAPPED))
    return select(PasswordHash.user_id).where(or_(*forms)).limit(1)


@built_once
def locked(user_id: UUID, digest: str) -> Rows:
    """The user, locked together with the hash that was checked; nothing if the hash has changed since."""
    judged = users.by_id(user_id).join(PasswordHash, PasswordHash.user_id == User.id)
    return judged.where(PasswordHash.digest == digest).with_for_update(of=(User, Email, PasswordHash), key_share=True)
