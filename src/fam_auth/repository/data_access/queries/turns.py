"""Mails and requests take turns, so that a network with many requests does not delay those of others.

Mails do not wait for requests. Each network has one request in a round, and the network that comes first is random, or
the same few would always be first. Whether a request comes among the first mails is random too: the order must also
hold for a worker that takes a single row, because its other slots are busy. The statement reads a bounded number of
rows through the index on (source, due_at), however many are queued.
"""

import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    ScalarSelect,
    String,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import UpdateBase

from fam_auth.core.database import Rows
from fam_auth.core.statements import Build, Filled
from fam_auth.models import Outbox
from fam_auth.repository.data_access.queries.outbox import mails, take

# `source` of mails and of event jobs. That of a request is greater, because it begins with the version of the secret.
MAILS, ERRANDS = "", "0"
MAILS_BEFORE_A_REQUEST = 4
"""Mails before each request while both are queued, so that requests are processed too."""
ROUNDS = 5
"""Requests of one network that are taken at once, if no other network has any."""
WINDOW = 10
"""Networks to choose from, however few rows are taken. With one alone, the network next to a random place would be
chosen: of two neighbours in the order of their digests, the second one never would."""
CANDIDATES = 3
"""How many times more mails are read than taken, because another worker may take the first ones at the same time."""


def start(version: int) -> str:
    """A random place among the networks: the next one is first. `version` is the version of the secret."""
    return f"{version}.{secrets.token_hex(32)}"


def lease(now: datetime, until: datetime, limit: int, first: str) -> Filled:
    """Leases due mails and requests to one worker until `until`, and returns them with the languages of their users.

    `first` is where the round of networks starts.
    """
    ahead = secrets.randbelow(MAILS_BEFORE_A_REQUEST + 1)
    return Filled(_leasing(limit), {"now": now, "until": until, "first": first, "ahead": ahead})


@lru_cache
def _leasing(limit: int) -> Build:
    def build(now: Any, until: Any, first: Any, ahead: Any) -> UpdateBase:  # noqa: ANN401 - parameters
        requests = _requests(now, type_coerce(first, String()), type_coerce(ahead, Integer()))
        chosen = union_all(_mails(now, limit), requests).subquery("chosen")
        # PostgreSQL does not lock rows in a query with row numbers, so the rows are chosen without a lock, and checked
        # again when they are locked.
        due = (
            select(Outbox.id)
            .join(chosen, chosen.c.id == Outbox.id)
            .where(Outbox.done_at.is_(None), Outbox.due_at <= now)
            .order_by(chosen.c.turn)
            .limit(literal_column(str(limit)))
            .with_for_update(of=Outbox, skip_locked=True)
            .scalar_subquery()
        )
        return take(due, until)

    return build


def _mails(now: Any, limit: int) -> Rows:  # noqa: ANN401 - as above
    """Due mails, oldest first. They include requests of the previous version, which have no source."""
    oldest = (
        select(Outbox.id, Outbox.due_at)
        .where(Outbox.source == literal_column(f"'{MAILS}'"), mails(), Outbox.done_at.is_(None), Outbox.due_at <= now)
        .order_by(Outbox.due_at)
        .limit(literal_column(str(limit * CANDIDATES)))
        .subquery("oldest")
    )
    return select(oldest.c.id, func.row_number().over(order_by=oldest.c.due_at).label("turn"))


def _requests(now: Any, first: ColumnElement[str], ahead: ColumnElement[int]) -> Rows:  # noqa: ANN401 - as above
    """Due requests: the oldest of each network, then the second oldest of each, for up to WINDOW networks.

    Their turns are between those of mails, shifted by the random number `ahead`: in one of MAILS_BEFORE_A_REQUEST + 1
    leases the first request comes before all mails.
    """
    later = _networks("later", now, first)
    sooner = _networks("sooner", now, literal_column(f"'{ERRANDS}'", String()))
    behind = select(later.c.source, later.c.place).where(later.c.source.is_not(None))
    before = select(sooner.c.source, sooner.c.place + _figure(WINDOW)).where(sooner.c.source <= first)
    around = union_all(behind, before).subquery("around")
    networks = select(around.c.source).order_by(around.c.place).limit(_figure(WINDOW)).cte("networks")
    rounds = [
        select(_nth(networks.c.source, now, number).label("id"), _figure(number).label("round")).select_from(networks)
        for number in range(ROUNDS)
    ]
    every = union_all(*rounds).subquery("rounds")
    place = func.row_number().over(order_by=(every.c.round, func.random()))
    turn = place * _figure(MAILS_BEFORE_A_REQUEST) - ahead + literal_column("0.5")
    return select(every.c.id, turn.label("turn")).where(every.c.id.is_not(None))


def _networks(name: str, now: Any, after: ColumnElement[str]) -> CTE:  # noqa: ANN401 - as above
    """The networks after `after` with queued requests, in order. Each is found by one index lookup."""
    first = select(_next(after, now).label("source"), _figure(0).label("place"))
    found = first.cte(name, recursive=True)
    further = select(_next(found.c.source, now), found.c.place + _figure(1))
    return found.union_all(further.where(found.c.source.is_not(None), found.c.place < _figure(WINDOW - 1)))


def _next(source: ColumnElement[str], now: Any) -> ScalarSelect[Any]:  # noqa: ANN401 - as above
    row = aliased(Outbox)
    waiting = row.done_at.is_(None), row.due_at <= now
    return select(func.min(row.source)).where(row.source > source, *waiting).scalar_subquery()


def _nth(source: ColumnElement[str], now: Any, number: int) -> ScalarSelect[Any]:  # noqa: ANN401 - as above
    row = aliased(Outbox)
    waiting = select(row.id).where(row.source == source, row.done_at.is_(None), row.due_at <= now)
    return waiting.order_by(row.due_at).limit(_figure(1)).offset(_figure(number)).scalar_subquery()


def _figure(value: int) -> ColumnElement[int]:
    return literal_column(str(value))
