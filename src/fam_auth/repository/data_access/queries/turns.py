"""Mails and requests take turns, so that nobody who asks for many keeps those of others waiting.

Mails, of which somebody has decided already that they go out, do not wait for requests. Of requests, each network has
one in a round; which network is first is drawn anew each time, or the same few would always be before all others.
So is whether a request is among the first mails: all this has to hold for a worker that takes a single row, because the
others of its slots are busy. However many wait, the index on (source, due_at) leads to as many rows as are looked at.
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

# What stands in `source` of mails and of errands; that of a request is greater, as it begins with a version.
MAILS, ERRANDS = "", "0"
MAILS_BEFORE_A_REQUEST = 4
"""So many mails go before each request, where both wait: requests do not wait for ever either."""
ROUNDS = 5
"""So many requests of one network at most are taken at once, if no other has any."""
WINDOW = 10
"""So many networks are drawn from, however few rows are taken. From one alone it would be the nearest to a place at
random: of two neighbours in the order of their digests the second one would never be it."""
CANDIDATES = 3
"""So many times more mails than are taken are looked at: another worker may take the first ones at this moment."""


def start(version: int) -> str:
    """A place among the networks, at random: the one behind it is first. `version` is that of the secret."""
    return f"{version}.{secrets.token_hex(32)}"


def lease(now: datetime, until: datetime, limit: int, first: str) -> Filled:
    """Takes some mails and requests that are due for one worker: nobody else gets them before `until`.

    `first` is where the round of networks starts. They come with the languages of their users.
    """
    ahead = secrets.randbelow(MAILS_BEFORE_A_REQUEST + 1)
    return Filled(_leasing(limit), {"now": now, "until": until, "first": first, "ahead": ahead})


@lru_cache
def _leasing(limit: int) -> Build:
    def build(now: Any, until: Any, first: Any, ahead: Any) -> UpdateBase:  # noqa: ANN401 - parameters
        requests = _requests(now, type_coerce(first, String()), type_coerce(ahead, Integer()))
        chosen = union_all(_mails(now, limit), requests).subquery("chosen")
        # Chosen without a lock, which PostgreSQL does not take together with numbers of rows; so what is locked in the
        # end is looked at again.
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
    """Mails that are due, the oldest first. Requests of the version before, which have no source, are among them."""
    oldest = (
        select(Outbox.id, Outbox.due_at)
        .where(Outbox.source == literal_column(f"'{MAILS}'"), mails(), Outbox.done_at.is_(None), Outbox.due_at <= now)
        .order_by(Outbox.due_at)
        .limit(literal_column(str(limit * CANDIDATES)))
        .subquery("oldest")
    )
    return select(oldest.c.id, func.row_number().over(order_by=oldest.c.due_at).label("turn"))


def _requests(now: Any, first: ColumnElement[str], ahead: ColumnElement[int]) -> Rows:  # noqa: ANN401 - as above
    """Requests that are due: the oldest of each network, then the second ones, for as many networks as are served.

    Their turns are between those of mails, `ahead` by as many as were drawn: the first one comes before all mails once
    in MAILS_BEFORE_A_REQUEST + 1 times.
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
    """The networks behind one that have requests waiting, in order, each found by one look into the index."""
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
