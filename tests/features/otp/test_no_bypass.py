"""No sign-in method bypasses a second factor, whatever the first proof was and wherever the session goes."""

from collections.abc import Awaitable, Callable

import pytest

from fam_auth import Auth
from fam_auth.features.otp import Otp, managers, queries, totp
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import users
from fam_auth.testing import bypasses
from fam_auth.values import Kind, User
from tests.support.people import OPERATOR, World

# The same sign-ins as in test_otp.py, which runs on both engines.
pytestmark = pytest.mark.engines("postgresql")

OpenWorld = Callable[..., Awaitable[World]]
# Each way (the password, and one that nobody names) by every kind of proof over both transports.
EVERY_WAY = 2 * len(Kind) * 2


async def begun(auth: Auth, user: User) -> None:
    """A device that waits to be confirmed."""
    await managers.begin(auth, user, "Telephone")


async def confirmed(auth: Auth, user: User) -> None:
    """A device that counts."""
    enrolment = await managers.begin(auth, user, "Telephone")
    code = totp.code_of(enrolment.secret, totp.step_of(auth.now()))
    await managers.confirm(auth, user, enrolment.id, code, OPERATOR, keep=None)


async def without_codes(auth: Auth, user: User) -> None:
    """A device that counts, and no recovery code left."""
    await confirmed(auth, user)
    await auth.database.rows(queries.remove_codes(user.id))


async def nothing(auth: Auth, user: User) -> None:
    """No second factor."""


@pytest.mark.parametrize(
    ("features", "state", "open_ways"),
    [
        ([Otp()], nothing, EVERY_WAY),
        ([Otp()], begun, EVERY_WAY),
        ([Otp()], confirmed, 0),
        ([Otp()], without_codes, 0),
        ([Otp(email_code=True)], nothing, 0),
        ([Otp(email_code=True)], confirmed, 0),
        ([Otp(required=True)], nothing, 0),
        ([Otp(required=True)], begun, 0),
        ([Otp(remember_browser=True)], confirmed, 0),
    ],
)
async def test_s026_a020_every_way_in_is_asked(
    open_world: OpenWorld, features: list[Otp], state: Callable[[Auth, User], Awaitable[None]], open_ways: int
) -> None:
    auth = (await open_world(features=[Password(), *features])).auth
    user = await users.create(auth, "ada@example.com", "Ada", verified=True)
    await state(auth, user)
    assert len(await bypasses(auth, user)) == open_ways
