"""Statements about one-time tokens: the links and codes in mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.sql.dml import Update, UpdateBase

from fam_auth.core.database import Rows
from fam_auth.models import OneTimeToken

CODE_TRIES = 5
UNDO = "undo_email_change"


def add_token(**columns: Any) -> UpdateBase:
    """Adds a one-time token; `token` and `code` are digests."""
    return insert(OneTimeToken).values(code_tries=0, **columns)


def retire(user_id: UUID, purpose: str, now: datetime) -> Update:
    """Ends a user's unused tokens of this purpose: only the link of the latest mail works."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
        .values(used_at=now)
    )


def retire_at(address: str, purpose: str, now: datetime) -> UpdateBase:
    """Ends the unused tokens of this purpose that were mailed to the address, of any user."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.address == address, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
        .values(used_at=now)
    )


def retire_younger(user_id: UUID, purpose: str, token_id: UUID, now: datetime) -> UpdateBase:
    """Ends a user's unused tokens of this purpose that were issued after this one."""
    return retire(user_id, purpose, now).where(OneTimeToken.id > token_id)


def retire_all(user_id: UUID, now: datetime) -> UpdateBase:
    """Ends every unused token of a user, except links that undo a change of address: the owner may still need them."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.used_at.is_(None), OneTimeToken.purpose != UNDO)
        .values(used_at=now)
    )


def burn(token_id: UUID, now: datetime) -> UpdateBase:
    """Consumes a one-time token: returns it once, and nothing for a used, replaced or expired one."""
    return (
        update(OneTimeToken)
        .where(OneTimeToken.id == token_id, OneTimeToken.used_at.is_(None), OneTimeToken.expires_at > now)
        .values(used_at=now)
        .returning(OneTimeToken.id)
    )


def pending(purpose: str, tokens: Sequence[str], now: datetime) -> Rows:
    """The one-time token with one of these digests, if it is valid."""
    return (
        select(*_TOKEN)
        .where(OneTimeToken.purpose == purpose, OneTimeToken.token.in_(tokens))
        .where(OneTimeToken.used_at.is_(None), OneTimeToken.expires_at > now)
    )


def spend_code_try(purpose: str, address: str, now: datetime) -> UpdateBase:
    """Counts a try on each pending code of the address, before codes are compared; returns those with tries left."""
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
