"""What every test may ask for: a migrated database of its own on each engine, an Auth with a clock, an application."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from fam_auth import Auth, install
from fam_auth.core.hashing import Hasher
from fam_auth.core.upgrade import upgrade
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.install import running
from tests.support import postgres, statements
from tests.support.outside import way_to
from tests.support.people import Clock, Mailbox, Person, World
from tests.support.pool import Pool

SECRETS = "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2"
# So many seconds of tests are worth a word on where they went.
LONG = 60
ENGINES = ("sqlite", "postgresql")
# Folders whose tests take no branch that others do not take: coverage would make them slower and say nothing.
TRODDEN = {"attacks", "clients", "examples", "release"}
TEMPLATE = f"template_{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--both-engines", action="store_true", help="run every test of `database` on both engines")


def pytest_configure(config: pytest.Config) -> None:
    postgres.share_with_workers(config)


# Before others, because `-m` deselects by the markers that are set here.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep of each test the engines that it names, and mark what `make coverage` runs without measuring it."""
    kept = [item for item in items if config.getoption("both_engines") or engine_of(item) in (None, *engines_of(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    for item in kept:
        is_measured = item.get_closest_marker("measured") is not None
        has_twin = engine_of(item) == "sqlite" and "postgresql" in engines_of(item) and not is_measured
        if has_twin or TRODDEN.intersection(item.path.relative_to(config.rootpath).parts):
            item.add_marker("unmeasured")
    items[:] = kept


def pytest_collection_finish() -> None:
    """Collect garbage seldom: what was imported stays, and a tenth of a test went into looking at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long each folder took, over all workers, when it was long."""
    taken: defaultdict[str, float] = defaultdict(float)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            taken["/".join(report.nodeid.split("/")[:2])] += report.duration
    if sum(taken.values()) > LONG:
        terminalreporter.section("seconds by folder")
        for folder, seconds in sorted(taken.items(), key=lambda one: -one[1]):
            terminalreporter.write_line(f"{folder:<24}{seconds:>8.1f}")


def engine_of(item: pytest.Item) -> str | None:
    """The engine that `database` is on; None for a test that has no choice."""
    return item.callspec.params.get("database") if hasattr(item, "callspec") else None


def engines_of(item: pytest.Item) -> Sequence[str]:
    """What the marker `engines` of the test, else of its file, names."""
    marker = item.get_closest_marker("engines")
    return marker.args if marker else ENGINES


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL that has the migrated database TEMPLATE."""
    with postgres.server(postgres.memory()) as url:
        postgres.create_once(url, TEMPLATE, migrate)
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def sqlite_database(sqlite_template: Path) -> Iterator[str]:
    """A migrated SQLite database of the test's own."""
    with tempfile.TemporaryDirectory(prefix="fam-auth-", dir=postgres.memory()) as folder:
        shutil.copy(sqlite_template, f"{folder}/fam_auth.db")
        yield f"sqlite+aiosqlite:///{folder}/fam_auth.db"


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Iterator[Pool]:
    """The migrated PostgreSQL databases, each for one test after the other."""
    pool = Pool(postgres_server, TEMPLATE)
    yield pool
    pool.close()


@pytest.fixture
def postgres_database(postgres_databases: Pool) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    lent = postgres_databases.borrow()
    yield lent.url
    postgres_databases.give_back(lent)


@pytest.fixture(scope="module")
def shared_postgres_database(postgres_databases: Pool) -> Iterator[str]:
    """A migrated PostgreSQL database for all tests of a file, where starting a service takes longer than a test."""
    lent = postgres_databases.borrow()
    yield lent.url
    postgres_databases.give_back(lent)


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own; the test runs on each engine, or on those that `engines` names."""
    name = {"sqlite": "sqlite_database", "postgresql": "postgres_database"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def clock() -> Clock:
    """The time of the test; it stands still until the test moves it."""
    return Clock()


@pytest.fixture
def mailbox() -> Mailbox:
    """Where the mails of the test arrive."""
    return Mailbox()


MakeAuth = Callable[..., Auth]
OpenWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def make_auth(database: str, clock: Clock, mailbox: Mailbox) -> MakeAuth:
    """Makes an Auth on the test's database; keywords are settings."""
    return lambda **settings: new_auth(database, clock, mailbox, **settings)


@pytest.fixture
async def open_world(make_auth: MakeAuth, mailbox: Mailbox, clock: Clock) -> AsyncIterator[OpenWorld]:
    """Starts an application with an Auth, with `hosted` pages or without; further keywords are settings."""
    async with AsyncExitStack() as stack:

        async def open_one(app: FastAPI | None = None, **settings: Any) -> World:
            hosted = settings.pop("hosted", False)
            auth = make_auth(**settings)
            app = app or FastAPI()
            install(app, auth, pages=hosted)
            await stack.enter_async_context(running(auth, worker=False))
            return World(app, auth, mailbox, clock, stack, await way_to(app, stack))

        yield open_one


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """An application with an Auth in the settings of production."""
    return await open_world()


@pytest.fixture
async def ada(world: World) -> Person:
    """Somebody with a verified address, signed in with a bearer token."""
    person = await world.person("ada@example.com")
    await person.register()
    await person.verify()
    await person.login()
    return person


def new_auth(database: str, clock: Clock, mailbox: Mailbox, **settings: Any) -> Auth:
    """An Auth as in production, but for its clock, its mailbox and the memory of its hashes."""
    production = {
        "profile": "production",
        "secrets": SECRETS,
        "public_url": "https://app.example.com",
        "mail": "console:",
    }
    features = settings.pop("features", None) or [Password()]
    auth = Auth(database, features=features, clock=clock, carrier=mailbox, **{**production, **settings})
    # The same hash with less memory: a third of the time of all tests went into it. Services have the real one.
    auth.hasher.close()
    auth.hasher = Hasher(memory=1024, passes=1)
    statements.shared(auth)
    return auth


def migrate(url: str) -> None:
    """The database has every table."""

    async def run() -> None:
        auth = new_auth(url, Clock(), Mailbox(), features=[Password(), Otp(), Role()])
        await upgrade(auth.database, auth.histories)
        await auth.close()

    asyncio.run(run())
