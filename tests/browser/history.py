"""A past for a service that has just begun, so that there is something to see in the pages of administrators."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, delete, func, insert, select

from fam_auth.core.clock import uuid7
from fam_auth.events import LoginFailed, SessionStarted, UserRegistered
from fam_auth.models import Event, Outbox, Session, User
from tests.support.service import Service

DAYS = 40
UNNAMED = {"schema_translate_map": {"fam_auth": None}}
BUSY = {UserRegistered.kind: 4, SessionStarted.kind: 14, LoginFailed.kind: 3}


def has_a_past(acme: Service) -> None:
    """For weeks people have signed up and in; once, however often it is asked."""
    engine = create_engine(f"sqlite:///{acme.folder}/fam_auth.db", execution_options=UNNAMED)
    now = datetime.now(UTC)
    with engine.begin() as db:
        if db.scalar(select(func.count()).where(Event.at < now - timedelta(days=2))):
            return
        user = db.scalar(select(User.id).limit(1))
        db.execute(insert(Event), list(_events(now)))
        db.execute(insert(Session), list(_sessions(user, now)))
    engine.dispose()


@contextmanager
def mails_wait(acme: Service) -> Iterator[None]:
    """Some mails wait and one has been given up, for as long as this takes."""
    engine, now = create_engine(f"sqlite:///{acme.folder}/fam_auth.db", execution_options=UNNAMED), datetime.now(UTC)
    with engine.begin() as db:
        mails = list(_mails(db.scalar(select(User.id).limit(1)), now))
        db.execute(insert(Outbox), mails)
    yield
    with engine.begin() as db:
        db.execute(delete(Outbox).where(Outbox.id.in_([mail["id"] for mail in mails])))
    engine.dispose()


def _days(now: datetime) -> Iterator[tuple[datetime, float, random.Random]]:
    """The last days before today, with how much goes on: less on a weekend, more as time goes by."""
    dice = random.Random(1815)  # noqa: S311 - the same each time is what a picture needs
    for number in range(DAYS, 0, -1):
        day = now - timedelta(days=number)
        yield day, (0.35 if day.weekday() > 4 else 1) * (1.6 - number / DAYS), dice


def _events(now: datetime) -> Iterator[dict[str, Any]]:
    for day, much, dice in _days(now):
        for kind, usual in BUSY.items():
            outcome = "failure" if kind == LoginFailed.kind else "success"
            for _ in range(round(usual * much * dice.uniform(0.6, 1.4))):
                yield {"id": uuid7(day), "kind": kind, "at": day, "outcome": outcome, "detail": {}}


def _sessions(user: object, now: datetime) -> Iterator[dict[str, Any]]:
    """Each ends some days later, the last ones in an hour: they count as alive, but nobody is signed in by one."""
    for day, much, dice in _days(now):
        for _ in range(round(6 * much)):
            end = min(day + timedelta(days=dice.uniform(1, 9)), now + timedelta(hours=1))
            times = {
                "created_at": day,
                "seen_at": min(end, now),
                "expires_at": now + timedelta(days=30),
                "ended_at": end,
            }
            rest = {"refreshed_at": day, "ended_reason": "logout", "proofs": [], "claims": {}}
            yield {
                "id": uuid7(day),
                "user_id": user,
                "transport": "cookie",
                "generation": 1,
                "refreshes": 0,
                **times,
                **rest,
            }


def _mails(user: object, now: datetime) -> Iterator[dict[str, Any]]:
    waits = {"tries": 3, "due_at": now + timedelta(hours=1), "done_at": None, "outcome": None}
    refused = {"tries": 1, "due_at": now, "done_at": now, "outcome": "mail.failed"}
    for kind, state in (("verify_email", waits), ("new_device", {**waits, "tries": 1}), ("reset_password", refused)):
        times = {"created_at": now - timedelta(minutes=20), "expires_at": now + timedelta(days=1)}
        yield {"id": uuid7(now), "user_id": user, "kind": kind, "content": "sealed", **times, **state}
