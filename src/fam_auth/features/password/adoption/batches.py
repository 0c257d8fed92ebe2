"""Inserts one batch of imported users, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fam_auth.auth import Auth
from fam_auth.core.clock import uuid7
from fam_auth.core.database import retried
from fam_auth.events import UserAdopted
from fam_auth.features.password.adoption import queries
from fam_auth.features.password.adoption.judging import Newcomer
from fam_auth.repository.data_access.managers import events
from fam_auth.values import Actor

DISABLED = "imported as disabled"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A user to import, and their hash as it is stored; None: no password."""

    who: Newcomer
    digest: str | None


@retried
async def keep(auth: Auth, arrivals: Sequence[Arrival], source: str, actor: Actor) -> list[Arrival]:
    """Inserts the users; returns those who have an account now. Commits once.

    Leaves out users whose id, key or address another transaction has inserted meanwhile.
    """
    now = auth.now()
    # A new id gets the creation time in the other application, so that users sort by age.
    by_id = {one.who.id or uuid7(one.who.created_at or now): one for one in arrivals}
    async with auth.transaction() as db:
        made = set(await db.scalars(queries.add_users(), [_user(auth, *pair) for pair in by_id.items()]))
        emails = [_email(auth, *pair) for pair in by_id.items() if pair[0] in made]
        claimed = set(await db.scalars(queries.claim_addresses(), emails)) if emails else set()
        if made - claimed:
            await db.execute(queries.give_up(made - claimed))
        kept = {user_id: one for user_id, one in by_id.items() if user_id in claimed}
        if digests := [_password(auth, *pair) for pair in kept.items() if pair[1].digest]:
            await db.execute(queries.add_hashes(), digests)
        detail = {"source": source}
        if adopted := [UserAdopted(at=now, user_id=one, client=actor.client, detail=detail) for one in kept]:
            await events.record_all(auth, db, adopted)
    return list(kept.values())


def _user(auth: Auth, user_id: UUID, one: Arrival) -> dict[str, Any]:
    now = auth.now()
    return {
        "id": user_id,
        "key": one.who.key,
        "name": one.who.name,
        "created_at": one.who.created_at or now,
        "suspended_at": now if one.who.is_disabled else None,
        "suspended_reason": DISABLED if one.who.is_disabled else None,
    }


def _email(auth: Auth, user_id: UUID, one: Arrival) -> dict[str, Any]:
    now = auth.now()
    return {
        "id": user_id,
        "user_id": user_id,
        "address": one.who.address.shown,
        "canonical": one.who.address.canonical,
        "verified_at": now if one.who.is_verified else None,
        "created_at": now,
    }


def _password(auth: Auth, user_id: UUID, one: Arrival) -> dict[str, Any]:
    return {"user_id": user_id, "digest": one.digest, "changed_at": auth.now()}
