"""Statements about logins in progress."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, delete, insert, select
from sqlalchemy.sql.dml import ReturningDelete, UpdateBase

from fam_auth.core.database import Rows
from fam_auth.models import Login
from fam_auth.values import Proof


def add(proofs: Sequence[Proof], **columns: Any) -> UpdateBase:
    """Adds a login in progress; `token` is the digest of its token."""
    return insert(Login).values(proofs=[proof.as_json() for proof in proofs], **columns)


def under_way(tokens: Sequence[str], now: datetime) -> Rows:
    """The unexpired login with one of these token digests: one for each secret that is in use."""
    return select(*_COLUMNS).where(Login.token.in_(tokens), Login.expires_at > now)


def owner_of(tokens: Sequence[str], now: datetime) -> ScalarSelect[UUID]:
    """The user of the login with one of these token digests, to be locked before the login is taken."""
    return select(Login.user_id).where(Login.token.in_(tokens), Login.expires_at > now).scalar_subquery()


def goes_on(login_id: UUID, now: datetime) -> Rows:
    """A row, while the login is under way."""
    return select(Login.id).where(Login.id == login_id, Login.expires_at > now)


def take(tokens: Sequence[str], now: datetime) -> ReturningDelete[Any]:
    """Deletes the login and returns it: of several requests with the same token, exactly one gets it."""
    return delete(Login).where(Login.token.in_(tokens), Login.expires_at > now).returning(*_COLUMNS)


def take_step_up(user_id: UUID, tokens: Sequence[str], now: datetime) -> UpdateBase:
    """The same for a step-up of this user alone."""
    return take(tokens, now).where(Login.user_id == user_id, Login.session_id.is_not(None))


def abandon_all(user_id: UUID, *, but: UUID | None = None) -> UpdateBase:
    """Deletes the logins in progress of a user, except `but`."""
    statement = delete(Login).where(Login.user_id == user_id)
    return statement if but is None else statement.where(Login.id != but)


_COLUMNS = (
    Login.id,
    Login.user_id,
    Login.session_id,
    Login.device,
    Login.is_known_device,
    Login.transport,
    Login.proofs,
    Login.expires_at,
)
