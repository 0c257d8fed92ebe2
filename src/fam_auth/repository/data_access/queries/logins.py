"""Statements about logins under way and one-time tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, delete, insert, select, update
from sqlalchemy.sql.dml import ReturningDelete, Update, UpdateBase

from fam_auth.core.database import Rows
from fam_auth.models import Login, OneTimeToken
from fam_auth.values import Proof

CODE_TRIES = 5
UNDO = "undo_email_change"


def add(proofs: Sequence[Proof], **columns: Any) -> UpdateBase:
    """A login under way; `token` is the digest of its token."""
    return insert(Login).values(proofs=[proof.as_json() for proof in proofs], **columns)


def under_way(tokens: Sequence[str], now: datetime) -> Rows:
    """The login whose token has one of these digests."""
    return select(*_COLUMNS).where(Login.token.in_(tokens), Login.expires_at > now)


def owner_of(tokens: Sequence[str], now: datetime) -> ScalarSelect[UUID]:
    """Whose login has a token with one of these digests: the user to lock before the login is taken."""
    return select(Login.user_id).where(Login.token.in_(tokens), Login.expires_at > now).scalar_subquery()


def goes_on(login_id: UUID, now: datetime) -> Rows:
    """A row, while the login is under way."""
    return select(Login.id).where(Login.id == login_id, Login.expires_at > now)


def take(tokens: Sequence[str], now: datetime) -> ReturningDelete[Any]:
    """Uses a login's token up: returns the login once, whoever else asks at the same time."""
    return delete(Login).where(Login.token.in_(tokens), Login.expires_at > now).returning(*_COLUMNS)


def take_step_up(user_id: UUID, tokens: Sequence[str], now: datetime) -> UpdateBase:
    """The same for a step-up of this user alone."""
    return take(tokens, now).where(Login.user_id == user_id, Login.session_id.is_not(None))


def abandon_all(user_id: UUID, *, but: UUID | None = None) -> UpdateBase:
    """Deletes the logins under way of a user, except `but`."""
    statement = delete(Login).where(Login.user_id == user_id)
    return statement if but is None else statement.where(Login.id != but)


def add_token(**columns: Any) -> UpdateBase:
    """A one-time token; `token` and `code` are digests."""
    return insert(OneTimeToken).values(code_tries=0, **columns)


def retire(user_id: UUID, purpose: str, now: datetime) -> Update:
    """A new request kills the tokens of the old ones."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
        .values(used_at=now)
    )


def retire_at(address: str, purpose: str, now: datetime) -> UpdateBase:
    """The same by the address that the tokens went to, whoever has it."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.address == address, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
        .values(used_at=now)
    )


def retire_younger(user_id: UUID, purpose: str, token_id: UUID, now: datetime) -> UpdateBase:
    """Kills the tokens of a purpose that were made after this one."""
    return retire(user_id, purpose, now).where(OneTimeToken.id > token_id)


def retire_all(user_id: UUID, now: datetime) -> UpdateBase:
    """Kills every pending token of a user, but for the way back to an address of before."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.used_at.is_(None), OneTimeToken.purpose != UNDO)
        .values(used_at=now)
    )


def burn(token_id: UUID, now: datetime) -> UpdateBase:
    """Uses a one-time token up: returns it once, and nothing for a used, replaced or expired one."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.id == token_id, OneTimeToken.used_at.is_(None), OneTimeToken.expires_at > now)
        .values(used_at=now)
        .returning(OneTimeToken.id)
    )


def pending(purpose: str, tokens: Sequence[str], now: datetime) -> Rows:
    """The one-time token, as long as it is good."""
    return (
        select(*_TOKEN)
        .where(OneTimeToken.purpose == purpose, OneTimeToken.token.in_(tokens))
        .where(OneTimeToken.used_at.is_(None), OneTimeToken.expires_at > now)
    )


def spend_code_try(purpose: str, address: str, now: datetime) -> UpdateBase:
    """Counts a try before it is judged, on each code that waits for the address; returns those with tries left."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.purpose == purpose, OneTimeToken.address == address)
        .where(OneTimeToken.used_at.is_(None), OneTimeToken.code_expires_at > now, OneTimeToken.code_tries < CODE_TRIES)
        .values(code_tries=OneTimeToken.code_tries + 1)
        .returning(*_TOKEN, OneTimeToken.code)
    )


_TOKEN = (
    OneTimeToken.id,
    OneTimeToken.user_id,
    OneTimeToken.address,
    OneTimeToken.shown,
    OneTimeToken.created_at,
    OneTimeToken.registration_id,
    OneTimeToken.session_id,
)
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
