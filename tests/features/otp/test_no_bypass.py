"""No way in passes a second factor by: whatever the first proof was, whatever takes the session."""

from collections.abc import Awaitable, Callable
from typing import get_args
from uuid import UUID

import pytest

from fam_auth import Auth
from fam_auth.feature import Complete, Incomplete, Kind, Outcome, Proof
from fam_auth.features.otp import Otp, managers, queries, totp
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.repository.data_access.queries.users import by_id
from fam_auth.values import Client, Transport, User, Visit
from tests.support.people import OPERATOR, World

OpenWorld = Callable[..., Awaitable[World]]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


@pytest.fixture
async def auth(open_world: OpenWorld) -> Auth:
    """With second factors for whoever has some."""
    return (await open_world(features=[Password(), Otp()])).auth


async def begun(auth: Auth, user: User) -> UUID:
    """A device that waits to be confirmed."""
    return (await managers.begin(auth, user, "Telephone")).id


async def confirmed(auth: Auth, user: User) -> None:
    """A device that counts."""
    enrolment = await managers.begin(auth, user, "Telephone")
    code = totp.code_of(enrolment.secret, totp.step_of(auth.now()))
    await managers.confirm(auth, user, enrolment.id, code, OPERATOR, keep=enrolment.id)


async def without_codes(auth: Auth, user: User) -> None:
    """A device that counts, and no recovery code left."""
    await confirmed(auth, user)
    await auth.database.rows(queries.remove_codes(user.id))


async def nothing(auth: Auth, user: User) -> None:
    """No second factor."""


async def enter(auth: Auth, user: User, way: str, kind: Kind, transport: Transport) -> Outcome:
    """The first proof of a way was right."""
    proof = Proof(way, kind, auth.now())
    return await logins.begin(auth, user.id, proof, Visit(Client(), transport), witness=by_id(user.id))


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (nothing, None),
        (begun, None),
        (confirmed, ["totp", "recovery_code"]),
        (without_codes, ["totp"]),
    ],
)
async def test_s026_every_way_in_is_asked(
    auth: Auth, state: Callable[[Auth, User], Awaitable[object]], asked: list[str] | None
) -> None:
    user = await users.create(auth, "ada@example.com", "Ada", verified=True)
    await state(auth, user)
    ways = [way for feature in auth.features for way in feature.ways]
    assert ways == ["password"]
    for way in [*ways, "a way of somebody else"]:
        for kind in Kind:
            for transport in TRANSPORTS:
                outcome = await enter(auth, user, way, kind, transport)
                if asked is None:
                    assert isinstance(outcome, Complete)
                    continue
                assert isinstance(outcome, Incomplete)
                [step] = outcome.next
                assert step.name == "second_factor"
                assert [one["method"] for one in step.detail["methods"]] == asked
