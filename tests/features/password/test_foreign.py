"""Applications made with the real libraries: all of their people sign in here with the passwords they have there."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from fam_auth.cli.adopt import DJANGO, FASTAPI_USERS
from fam_auth.features.password import imported_hashes
from fam_auth.features.password.adoption import files, tables
from fam_auth.features.password.adoption.report import Kind
from fam_auth.features.password.adoption.rows import Columns, Source, Wanted
from fam_auth.features.password.adoption.tables import Place
from fam_auth.repository.data_access.managers import users
from tests.support import foreign
from tests.support.adopting import adopt, adopted_digests, everything, plain
from tests.support.hashes import VECTORS
from tests.support.people import Person, World
from tests.support.wheel import Environment

pytestmark = pytest.mark.slow
USERS = 1000


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with everything that makes hashes."""
    environment = Environment(tmp_path_factory.mktemp("libraries") / "venv")
    environment.install(*foreign.PACKAGES)
    return environment


Program = Callable[..., str]


@pytest.fixture
def program(libraries: Environment, tmp_path: Path) -> Program:
    """Runs one of the programs and gives what it printed."""

    def running(text: str, *arguments: str) -> str:
        (tmp_path / "program.py").write_text(text)
        return libraries.run("python", "program.py", *arguments, cwd=tmp_path)

    return running


def test_hashes_made_today_are_those_that_are_kept(program: Program) -> None:
    made = json.loads(program(foreign.HASHES))
    assert made.keys() == VECTORS.keys()
    for name, by_password in made.items():
        writer: Any = name.split()[0] if name.startswith(("django", "werkzeug")) else None
        for password, text in list(by_password.items())[:2]:
            found, kept = (imported_hashes.understood(one, writer) for one in (text, VECTORS[name][password]))
            assert found.matches(password), name
            assert not found.matches(f"y{password}"), name
            assert type(found.recipe) is type(kept.recipe)


async def signs_in(world: World, number: int) -> dict[str, Any]:
    """The answer to the login of one of the people."""
    person = Person(world, f"user{number}@example.com", await world.client(), f"password of user {number}")
    return dict((await person.login()).json())


async def all_sign_in(world: World) -> dict[str, set[int]]:
    """Who got in, by what became of the login."""
    found: dict[str, set[int]] = {}
    for number in range(USERS):
        answer = await signs_in(world, number)
        step = answer["next"][0]["step"] if answer.get("next") else None
        found.setdefault(str(step or answer.get("code") or answer["status"]), set()).add(number)
    return found


async def check_upgraded(world: World, suspended: int) -> None:
    """Every hash is one of ours, except those of suspended users."""
    resting = list((await adopted_digests(world.auth)).values())
    assert len(resting) == USERS
    assert sum(imported_hashes.is_outdated(world.auth.hasher, one) for one in resting) == suspended


async def check_a_second_run(world: World, source: Source, **reading: Any) -> None:
    """It changes nothing."""
    before = await everything(world.auth)
    report = await adopt(world.auth, source, **reading)
    assert report.kinds == {Kind.HERE: USERS}
    assert await everything(world.auth) == before


def application_url(database: str, tmp_path: Path) -> str:
    """The application's own tables: on PostgreSQL in the same database as ours."""
    if database.startswith("sqlite"):
        return f"sqlite+aiosqlite:///{tmp_path}/app.db"
    return database.replace("+psycopg", "+asyncpg")


def asked(database: str, tmp_path: Path, query: str) -> list[Any]:
    """The rows of a query to the application's database."""
    if database.startswith("sqlite"):
        with sqlite3.connect(tmp_path / "app.db") as app:
            found = app.execute(query).fetchall()
        app.close()
        return found
    with psycopg.connect(plain(database)) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_an_application_with_fastapi_users(world: World, database: str, tmp_path: Path, program: Program) -> None:
    url = application_url(database, tmp_path)
    program(foreign.FASTAPI_USERS, url, str(USERS))
    place = Place(url, "user", None if database.startswith("sqlite") else "public")
    source = tables.opened("fastapi-users", place, Wanted(FASTAPI_USERS, {}))
    report = await adopt(world.auth, source)
    assert report.kinds[Kind.ADOPTED] == USERS
    assert report.kinds[Kind.HASH_KEPT] == USERS // 100
    found = await all_sign_in(world)
    suspended, unverified = set(range(2, USERS, 100)), set(range(1, USERS, 50))
    assert found == {
        "complete": set(range(USERS)) - suspended - unverified,
        "verify_email": unverified,
        "invalid_credentials": suspended,
    }
    await check_upgraded(world, len(suspended))
    await check_a_second_run(world, source)
    posts = 'SELECT u.email, u.id FROM post JOIN "user" u ON u.id = post.user_id'
    written = asked(database, tmp_path, posts)
    assert len(written) == USERS
    for email, user_id in written[:20]:
        assert str((await users.found(world.auth, email)).id) == str(user_id)
    check_keys(database, tmp_path)


def check_keys(database: str, tmp_path: Path) -> None:
    """The application's foreign keys hold, and on PostgreSQL they may lead to our table just as well."""
    if database.startswith("sqlite"):
        assert asked(database, tmp_path, "PRAGMA foreign_key_check") == []
        return
    with psycopg.connect(plain(database)) as connection:
        with pytest.raises(psycopg.errors.ForeignKeyViolation), connection.transaction():
            connection.execute("INSERT INTO post (id, user_id) VALUES (0, gen_random_uuid())")
        connection.execute("ALTER TABLE post DROP CONSTRAINT post_user_id_fkey")
        connection.execute("ALTER TABLE post ADD FOREIGN KEY (user_id) REFERENCES fam_auth.auth_user (id)")


async def test_a_project_of_django(world: World, database: str, tmp_path: Path, program: Program) -> None:
    parts = urlsplit(database)
    where = ("sqlite3", f"{tmp_path}/app.db", "0")
    if not database.startswith("sqlite"):
        where = ("postgresql", parts.path.removeprefix("/"), str(parts.port))
    program(foreign.DJANGO, *where, str(USERS))
    place = Place(application_url(database, tmp_path), "auth_user", None if "sqlite" in database else "public")
    source = tables.opened("django", place, Wanted(DJANGO, {}))
    report = await adopt(world.auth, source, writer="django", verified=True)
    assert report.kinds[Kind.ADOPTED] == report.kinds[Kind.HASH_WRAPPED] == USERS
    suspended = set(range(2, USERS, 100))
    assert await all_sign_in(world) == {
        "complete": set(range(USERS)) - suspended,
        "invalid_credentials": suspended,
    }
    await check_upgraded(world, len(suspended))
    await check_a_second_run(world, source, writer="django", verified=True)
    groups = "SELECT u.id, u.email, u.first_name FROM auth_user_groups g JOIN auth_user u ON u.id = g.user_id"
    grouped = asked(database, tmp_path, groups)
    assert len(grouped) == USERS
    for user_id, email, _ in grouped[:20]:
        user = await users.found(world.auth, email)
        number = email.partition("@")[0][4:]
        assert (user.key, user.name) == (str(user_id), f"User {number}")


async def test_a_file_with_hashes_of_werkzeug(world: World, tmp_path: Path, program: Program) -> None:
    path = tmp_path / "users.csv"
    path.write_text(program(foreign.WERKZEUG, str(USERS)))
    source = files.opened_csv(path, Wanted(Columns(), {}))
    report = await adopt(world.auth, source, writer="werkzeug", verified=True)
    assert report.kinds[Kind.ADOPTED] == report.kinds[Kind.HASH_WRAPPED] == USERS
    assert await all_sign_in(world) == {"complete": set(range(USERS))}
    await check_upgraded(world, 0)
    await check_a_second_run(world, source, writer="werkzeug", verified=True)
