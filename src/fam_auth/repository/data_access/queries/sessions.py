"""Statements about sessions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import UpdateBase

from fam_auth import values
from fam_auth.core.database import Rows
from fam_auth.core.rates import Rate
from fam_auth.core.sql import Seconds
from fam_auth.core.statements import Filled, built_once
from fam_auth.models import Email, Session, User
from fam_auth.repository.data_access.queries import users


def add(session: values.Session) -> Filled:
    """Adds a session."""
    return _add(
        id=session.id,
        user_id=session.user_id,
        transport=session.transport,
        proofs=[proof.as_json() for proof in session.proofs],
        claims=dict(session.claims),
        claims_until=session.claims_until,
        generation=session.generation,
        refreshes=0,
        refreshed_at=session.created_at,
        created_at=session.created_at,
        seen_at=session.seen_at,
        expires_at=session.expires_at,
        address=session.address,
        agent=session.agent,
    )


@built_once
def _add(**columns: Any) -> UpdateBase:
    return insert(Session).values(**columns)


def is_live(now: datetime, used_since: datetime) -> ColumnElement[bool]:
    """Whether a session is neither ended nor expired, and was used after `used_since` (`auth.used_since()`)."""
    return and_(Session.ended_at.is_(None), Session.expires_at > now, Session.seen_at > used_since)


@built_once
def live(session_id: UUID, generation: int, now: datetime, used_since: datetime) -> Rows:
    """The live session and its user, if the user is not suspended: read it with `value` and `owner`."""
    return (
        select(*_COLUMNS, *(column.label(_OWNER + column.key) for column in users.COLUMNS))
        .join(User, User.id == Session.user_id)
        .join(Email, Email.user_id == User.id)
        .where(Session.id == session_id, Session.generation == generation, is_live(now, used_since))
        .where(users.is_active(now))
    )


def live_among(ids: Collection[UUID], now: datetime, used_since: datetime) -> Rows:
    """The live ones of these sessions, of users who are not suspended."""
    return select(*_COLUMNS).where(Session.id.in_(ids), is_live(now, used_since), _of_somebody_active(now))


def is_from_new_device(session: values.Session) -> Filled:
    """Whether the user has had other sessions, but none with this address and user agent."""
    of_session = {"user_id": session.user_id, "session_id": session.id}
    return Filled(_is_from_new_device, {**of_session, "address": session.address, "agent": session.agent})


def _is_from_new_device(user_id: UUID, session_id: UUID, address: str | None, agent: str | None) -> ColumnElement[bool]:
    others = exists().where(Session.user_id == user_id, Session.id != session_id)
    same = others.where(Session.address.is_not_distinct_from(address), Session.agent.is_not_distinct_from(agent))
    return and_(others, not_(same))


def rotate(session_id: UUID, refreshes: int, now: datetime, used_since: datetime, rate: Rate) -> Filled:
    """Consumes the refresh token number `refreshes`: returns the session once, and nothing for any other number.

    Also returns nothing if the session has reached the rate limit for refreshes (`held_back`).
    """
    return _rotate(
        session_id=session_id,
        refreshes=refreshes,
        following=refreshes + 1,
        now=now,
        used_since=used_since,
        tolerance=rate.tolerance,
        interval=rate.interval,
    )


@built_once
def _rotate(  # noqa: PLR0913 - each a parameter of the statement
    *,
    session_id: UUID,
    refreshes: int,
    following: int,
    now: datetime,
    used_since: datetime,
    tolerance: float,
    interval: float,
) -> UpdateBase:
    from_now = case((Session.refresh_free_at > Seconds(), Session.refresh_free_at), else_=Seconds())
    return (
        update(Session)
        .where(Session.id == session_id, Session.refreshes == refreshes, is_live(now, used_since))
        .where(_of_somebody_active(now), Session.refresh_free_at <= Seconds() + tolerance)
        .values(refreshes=following, refreshed_at=now, seen_at=now, refresh_free_at=from_now + interval)
        .returning(Session.generation, Session.expires_at)
    )


def held_back(session_id: UUID, refreshes: int, now: datetime, used_since: datetime, rate: Rate) -> Rows:
    """`seconds` until a rate-limited session may refresh again, if `refreshes` is its current number."""
    seconds = (Session.refresh_free_at - rate.tolerance - Seconds()).label("seconds")
    return select(seconds).where(
        Session.id == session_id, Session.refreshes == refreshes, is_live(now, used_since), _of_somebody_active(now)
    )


def rotated(session_id: UUID, refreshes: int, since: datetime, now: datetime, used_since: datetime) -> Rows:
    """The session whose refresh token number `refreshes` was used after `since`, with its successor still unused."""
    return select(Session.generation, Session.expires_at).where(
        Session.id == session_id,
        Session.refreshes == refreshes + 1,
        Session.refreshed_at > since,
        is_live(now, used_since),
        _of_somebody_active(now),
    )


def extend(session_id: UUID, now: datetime) -> UpdateBase:
    """Sets the moment of the session's last use."""
    return update(Session).where(Session.id == session_id, Session.ended_at.is_(None)).values(seen_at=now)


def seen() -> UpdateBase:
    """Sets the last use of many sessions: run it with a list of {"session", "moment"}.

    Skips a session that another transaction has locked, so that the others do not wait for it.
    """
    older = aliased(Session)
    found = select(older.id).where(older.id == bindparam("session"), older.seen_at < bindparam("moment"))
    free = found.with_for_update(skip_locked=True).scalar_subquery()
    return update(Session).where(Session.__table__.c.id == free).values(seen_at=bindparam("moment"))


@built_once
def end_oldest(user_id: UUID, but: int, now: datetime, used_since: datetime) -> UpdateBase:
    """Ends the live sessions of a user except the newest `but`; returns id and user of those it ended."""
    live = select(Session.id).where(Session.user_id == user_id, is_live(now, used_since))
    oldest = live.order_by(Session.id.desc()).offset(but)
    ended = update(Session).where(Session.id.in_(oldest)).values(ended_at=now, ended_reason="too_many")
    return ended.returning(Session.id, Session.user_id)


def of_user(user_id: UUID, now: datetime, used_since: datetime) -> Rows:
    """The live sessions of a user, newest first."""
    return select(*_COLUMNS).where(Session.user_id == user_id, is_live(now, used_since)).order_by(Session.id.desc())


def alive_at(moments: Sequence[datetime], idle: timedelta) -> Rows:
    """The number of sessions that were live at each of these moments, as the columns `at_0`, `at_1`, ..."""
    columns = [
        func.count(case((and_(*_alive(moment, idle)), 1))).label(f"at_{number}")
        for number, moment in enumerate(moments)
    ]
    return select(*columns).where(Session.expires_at > moments[0])


def _alive(moment: datetime, idle: timedelta) -> tuple[ColumnElement[bool], ...]:
    not_ended = or_(Session.ended_at.is_(None), Session.ended_at > moment)
    return Session.created_at <= moment, not_ended, Session.expires_at > moment, Session.seen_at > moment - idle


def page(statement: Rows, after: UUID | None, limit: int) -> Rows:
    """One page of sessions, older than `after`."""
    return (statement if after is None else statement.where(Session.id < after)).limit(limit)


def every(now: datetime, used_since: datetime) -> Rows:
    """All live sessions, newest first."""
    return select(*_COLUMNS).where(is_live(now, used_since)).order_by(Session.id.desc())


def end(where: Mapping[str, UUID], reason: str, now: datetime, *, but: UUID | None = None) -> Filled:
    """Ends the sessions with these values in their columns, except `but`; returns id and user of those it ended."""
    kept = {} if but is None else {"but": but}
    return _end(reason=reason, now=now, **kept, **where)


@built_once
def _end(*, reason: str, now: datetime, but: UUID | None = None, **where: UUID) -> UpdateBase:
    conditions = [getattr(Session, column) == value for column, value in where.items()]
    if but is not None:
        conditions.append(Session.id != but)
    return (
        update(Session)
        .where(*conditions, Session.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(Session.id, Session.user_id)
    )


def step_up(session_id: UUID, proofs: Sequence[values.Proof], claims: values.Claims, now: datetime) -> UpdateBase:
    """Gives a session that has not ended new proofs and claims, and returns it; its earlier tokens stop working."""
    return (
        update(Session)
        .where(Session.id == session_id, Session.ended_at.is_(None), Session.expires_at > now)
        .values(
            proofs=[proof.as_json() for proof in proofs],
            claims=dict(claims.held),
            claims_until=claims.until,
            generation=Session.generation + 1,
            refreshes=Session.refreshes + 1,
            refreshed_at=Session.created_at,  # long ago: no grace for the earlier refresh token
            seen_at=now,
        )
        .returning(*_COLUMNS, Session.refreshes)
    )


def claim(user_id: UUID, claims: values.Claims) -> UpdateBase:
    """Stores these claims in all sessions of a user."""
    changed = {"claims": dict(claims.held), "claims_until": claims.until}
    return update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None)).values(**changed)


def outdate(user_ids: Rows, now: datetime) -> UpdateBase:
    """Marks the claims of these users' sessions as outdated: they are computed again before their next use."""
    theirs = Session.user_id.in_(user_ids)
    return update(Session).where(theirs, Session.ended_at.is_(None)).values(claims_until=now)


def end_stolen(session_id: UUID, refreshes: int, now: datetime, used_since: datetime) -> UpdateBase:
    """Ends a live session that has refreshed past this number: its token was used twice, so a copy exists."""
    return (
        update(Session)
        .where(Session.id == session_id, Session.refreshes > refreshes, is_live(now, used_since))
        .values(ended_at=now, ended_reason="refresh_reused")
        .returning(Session.user_id)
    )


def value(row: Row[Any]) -> values.Session:
    """The session in a row of these statements."""
    return values.Session(
        id=row.id,
        user_id=row.user_id,
        transport=row.transport,
        proofs=tuple(values.Proof.from_json(stored) for stored in row.proofs),
        claims=row.claims,
        generation=row.generation,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
        claims_until=row.claims_until,
    )


def owner(row: Row[Any]) -> values.User:
    """The user in a row of `live`."""
    return users.value(row, _OWNER)


def _of_somebody_active(now: datetime) -> ColumnElement[bool]:
    return exists().where(User.id == Session.user_id, users.is_active(now))


_OWNER = "owner_"
_COLUMNS = (
    Session.id,
    Session.user_id,
    Session.transport,
    Session.proofs,
    Session.claims,
    Session.generation,
    Session.created_at,
    Session.seen_at,
    Session.expires_at,
    Session.address,
    Session.agent,
    Session.claims_until,
)
