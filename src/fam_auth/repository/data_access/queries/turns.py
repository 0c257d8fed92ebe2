"""Mails and requests take turns, so that nobody who asks for many keeps those of others waiting.

Mails, of which somebody has decided already that they go out, do not wait for requests. Of requests, each network has
one in a round; which network is first is drawn anew each time, or the same few would always be before all others.
However many wait, the index on (source, due_at) leads to as many rows as are looked at.
"""

import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
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
CANDIDATES = 3
"""So many times more mails than are taken are looked at: another worker may take the first ones at this moment."""


def start(version: int) -> str:
    """A place among the networks, at random: the one behind it is first. `version` is that of the secret."""
    return f"{version}.{secrets.token_hex(32)}"


def lease(now: datetime, until: datetime, limit: int, first: str) -> Filled:
    """Takes some mails and requests that are due for one worker: nobody else gets them before `until`.

    `first` is where the round of networks starts. They come with the languages of their users.
    """
    return Filled(_leasing(limit), {"now": now, "until": until, "first": first})


@lru_cache
def _leasing(limit: int) -> Build:
    def build(now: Any, until: Any, first: Any) -> UpdateBase:  # noqa: ANN401 - parameters
        chosen = union_all(_mails(now, limit), _requests(now, limit, type_coerce(first, String()))).subquery("chosen")
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


def _requests(now: Any, limit: int, first: ColumnElement[str]) -> Rows:  # noqa: ANN401 - as above
    """Requests that are due: the oldest of each network, then the second ones, for as many networks as are served."""
    later = _networks("later", now, first, limit)
    sooner = _networks("sooner", now, literal_column(f"'{ERRANDS}'", String()), limit)
    behind = select(later.c.source, later.c.place).where(later.c.source.is_not(None))
    before = select(sooner.c.source, sooner.c.place + _figure(limit)).where(sooner.c.source <= first)
    networks = union_all(behind, before).cte("networks")
    rounds = [
        select(_nth(networks.c.source, now, number).label("id"), networks.c.place, _figure(number).label("round"))
        for number in range(ROUNDS)
    ]
    every = union_all(*rounds).subquery("rounds")
    turn = func.row_number().over(order_by=(every.c.round, every.c.place)) * _figure(MAILS_BEFORE_A_REQUEST)
    return select(every.c.id, turn.label("turn")).where(every.c.id.is_not(None))


def _networks(name: str, now: Any, after: ColumnElement[str], most: int) -> CTE:  # noqa: ANN401 - as above
    """The networks behind one that have requests waiting, in order, each found by one look into the index."""
    first = select(_next(after, now).label("source"), _figure(0).label("place"))
    found = first.cte(name, recursive=True)
    further = select(_next(found.c.source, now), found.c.place + _figure(1))
    return found.union_all(further.where(found.c.source.is_not(None), found.c.place < _figure(most - 1)))


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
