"""What the tests of the pages ask for."""

from collections.abc import Awaitable, Callable

import pytest

from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from tests.support.browsing import Browser, browser, member
from tests.support.people import World


@pytest.fixture
async def world(open_world: Callable[..., Awaitable[World]]) -> World:
    """An application with all features and the hosted pages."""
    return await open_world(features=[Password(), Otp(), Role()], hosted=True, app_name="Acme")


@pytest.fixture
async def guest(world: World) -> Browser:
    """A browser of somebody who has no account yet."""
    return await browser(world)


@pytest.fixture
async def ada(world: World) -> Browser:
    """Somebody who is signed in."""
    return await member(world)
