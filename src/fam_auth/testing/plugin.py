"""The pytest plugin, with the fixtures `auth`, `make_user`, `signed_in`, `mailbox`, `totp_code`, `freeze` and `travel`.

pytest loads it automatically. Set `fam_auth = module:name` in the pytest configuration to your Auth or application; the
plugin does nothing without it.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from fam_auth import testing
from fam_auth.auth import Auth
from fam_auth.core.mail import Mail
from fam_auth.core.security import new_secret
from fam_auth.http.installed import installed_in
from fam_auth.testing import Clock
from fam_auth.testing.people import SomeProgram
from fam_auth.values import Transport, User

OPTION = "fam_auth"
Result = TypeVar("Result")
TEMPLATES = pytest.StashKey[dict[Auth, Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the pytest setting `fam_auth`."""
    parser.addini(OPTION, "Auth of the tests, or the application it is installed in, as module:name.")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set FAM_AUTH_SECRETS before the first conftest.py imports the application.

    Otherwise the application would write a file with a development secret into the current directory.
    """
    if early_config.getini(OPTION):
        os.environ.setdefault("FAM_AUTH_SECRETS", f"1:{new_secret()}")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the cache of template databases."""
    config.stash[TEMPLATES] = {}


@pytest.fixture
def installed_auth(pytestconfig: pytest.Config) -> Auth:
    """The Auth of the application. Override this fixture if `module:name` cannot name it."""
    target = str(pytestconfig.getini(OPTION))
    module, _, name = target.partition(":")
    if not name:
        raise pytest.UsageError(
            "Set fam_auth = module:name in the pytest configuration, naming an Auth or an application."
        )
    found = getattr(import_module(module), name)
    auth = found if isinstance(found, Auth) else installed_in(found)
    if auth is None:
        raise pytest.UsageError(f"{target} is neither an Auth nor an application with an installed Auth.")
    return auth


@pytest.fixture
def auth(
    installed_auth: Auth, pytestconfig: pytest.Config, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Auth]:
    """The Auth with an empty database, its own clock and its own mailbox. Request it before the test client starts."""
    made = pytestconfig.stash[TEMPLATES]
    if installed_auth not in made:
        made[installed_auth] = testing.template(installed_auth, tmp_path_factory.mktemp("fam_auth"))
    with testing.isolated(installed_auth, tmp_path, tables=made[installed_auth]) as isolated:
        yield isolated


@pytest.fixture
def make_user(auth: Auth) -> Callable[..., User]:
    """Create users: `make_user("ada@example.com", roles=["editor"], factors=["totp"])`."""
    return lambda email=None, **traits: run(testing.make_user(auth, email, **traits))


class SignedIn(Protocol):
    """The type of the fixture `signed_in`: `signed_in(client, user, assurance="aal2")` returns the client."""

    def __call__(
        self, client: SomeProgram, user: User, *, assurance: str = "aal1", transport: Transport = "bearer"
    ) -> SomeProgram:
        """See `fam_auth.testing.signed_in`."""
        ...


@pytest.fixture
def signed_in(auth: Auth) -> SignedIn:
    """Sign a client in as a user, without a password."""

    def signing(
        client: SomeProgram, user: User, *, assurance: str = "aal1", transport: Transport = "bearer"
    ) -> SomeProgram:
        return run(testing.signed_in(auth, client, user, assurance=assurance, transport=transport))

    return signing


class SentMails:
    """The mails of the test, by recipient."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def to(self, recipient: str, kind: str | None = None) -> list[Mail]:
        """The mails sent to an address so far, oldest first."""
        return list(run(testing.mails_to(self._auth, recipient, kind)))

    def token(self, recipient: str) -> str:
        """The token in the link of the latest mail to an address."""
        return testing.token_in(self.to(recipient)[-1])

    def code(self, recipient: str) -> str:
        """The six-digit code in the latest mail to an address."""
        return testing.code_in(self.to(recipient)[-1])


@pytest.fixture
def mailbox(auth: Auth) -> SentMails:
    """The mails of the test: `mailbox.to("ada@example.com")`, `.token(...)`, `.code(...)`."""
    return SentMails(auth)


@pytest.fixture
def totp_code(auth: Auth) -> Callable[[User], str]:
    """The code that a user's authenticator app shows now: `totp_code(user)`."""
    return lambda user: run(testing.totp_code(auth, user))


@pytest.fixture
def freeze(auth: Auth) -> Callable[..., datetime]:
    """Stop the clock, now or at a given time: `freeze()`, `freeze(datetime(2026, 12, 24, tzinfo=UTC))`."""
    assert isinstance(auth.now, Clock)  # noqa: S101 - the fixture `auth` has given it one
    return auth.now.freeze


@pytest.fixture
def travel(auth: Auth) -> Callable[..., datetime]:
    """Move the time forward: `travel(minutes=5)`."""
    return lambda **by: run(testing.travel(auth, timedelta(**by)))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a test that is not one itself. Raises RuntimeError in a test that is."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError("This test is a coroutine. Await the function of the same name in fam_auth.testing instead.")
