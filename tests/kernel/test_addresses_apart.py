"""The revision that takes addresses apart which were one: what was compared folded is compared in lower case."""

import importlib.util
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, select, text

from fam_auth.auth import Auth
from fam_auth.core import migrations
from fam_auth.models import Email, OneTimeToken, User
from tests.conftest import MakeAuth
from tests.support.people import World

[FILE] = (migrations.environment() / "versions").glob("*_addresses_apart.py")
# As it was written, as it was compared folded, and as it is compared.
WRITTEN = {
    "Straße@example.com": ("strasse@example.com", "straße@example.com"),
    "\u017fam@example.com": ("sam@example.com", "\u017fam@example.com"),
    "JÜRGEN@münchen.example": ("jürgen@xn--mnchen-3ya.example", "jürgen@xn--mnchen-3ya.example"),
    "ada@münchen.example": ("ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
    "Ada@example.com": ("ada@example.com", "ada@example.com"),
}
ENCODED = "=?utf-8?q?attacker=40evil.example=2c?=foo@corp.example"


@pytest.fixture
def revision() -> ModuleType:
    spec = importlib.util.spec_from_file_location("addresses_apart", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def migrate(auth: Auth, step: Callable[[], None]) -> None:
    """One step of the revision, as `upgrade` does it."""

    def stepping(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            step()

    async with auth.database.engine.begin() as connection:
        if auth.database.schema:
            await connection.execute(text(f'SET LOCAL search_path TO "{auth.database.schema}"'))
        await connection.run_sync(stepping)


async def add(auth: Auth, address: str, canonical: str) -> None:
    """A user with a verified address, and a token that was mailed there."""
    user, now = uuid4(), auth.now()
    own = {"id": user, "user_id": user, "created_at": now}
    token = {"purpose": "verify", "token": str(user), "code_tries": 0, "expires_at": now + timedelta(days=1)}
    async with auth.transaction() as db:
        await db.execute(insert(User).values(id=user, created_at=now))
        await db.execute(insert(Email).values(**own, address=address, canonical=canonical, verified_at=now))
        await db.execute(insert(OneTimeToken).values(**own, **token, shown=address, address=canonical))


async def compared(auth: Auth) -> dict[str, str]:
    """How each address is compared, and each token's."""
    rows = await auth.database.rows(select(Email.address, Email.canonical))
    tokens = await auth.database.rows(select(OneTimeToken.shown, OneTimeToken.address))
    assert sorted(map(tuple, rows)) == sorted(map(tuple, tokens))
    return {row.address: row.canonical for row in rows}


async def test_case_folded_addresses_become_lower_case(world: World, revision: ModuleType) -> None:
    for address, (folded, _) in WRITTEN.items():
        await add(world.auth, address, folded)
    for _ in range(2):
        await migrate(world.auth, revision.upgrade)
        assert await compared(world.auth) == {address: lower for address, (_, lower) in WRITTEN.items()}
    await add(world.auth, "strasse@example.com", "strasse@example.com")
    for person in ("straße@example.com", "strasse@example.com"):
        assert await world.auth.database.rows(select(Email.id).where(Email.canonical == person))
    await migrate(world.auth, revision.downgrade)
    back = await world.auth.database.rows(select(Email.address, Email.canonical))
    assert {row.address: row.canonical for row in back} == {
        **{address: folded for address, (folded, _) in WRITTEN.items()},
        # Two addresses are one there: who is there stays.
        "Straße@example.com": "straße@example.com",
        "strasse@example.com": "strasse@example.com",
    }


async def test_an_address_that_is_taken_by_now_stays(world: World, revision: ModuleType) -> None:
    await add(world.auth, "straße@example.com", "straße@example.com")
    await add(world.auth, "STRAßE@example.com", "strasse@example.com")
    await migrate(world.auth, revision.upgrade)
    rows = await world.auth.database.rows(select(Email.address, Email.canonical).order_by(Email.canonical))
    assert [tuple(row) for row in rows] == [
        ("STRAßE@example.com", "strasse@example.com"),
        ("straße@example.com", "straße@example.com"),
    ]


async def test_an_encoded_word_is_not_verified_any_more(world: World, revision: ModuleType) -> None:
    for address in (ENCODED, "who?me=you@example.com"):
        await add(world.auth, address, address)
    await migrate(world.auth, revision.upgrade)
    rows = await world.auth.database.rows(select(Email.address, Email.verified_at))
    assert {row.address: row.verified_at is not None for row in rows} == {
        ENCODED: False,
        "who?me=you@example.com": True,
    }


async def test_the_plan_says_that_rows_are_left_to_the_command(make_auth: MakeAuth, revision: ModuleType) -> None:
    auth = make_auth()
    out = StringIO()
    options: dict[str, Any] = {"as_sql": True, "output_buffer": out, "literal_binds": True}
    context = MigrationContext.configure(dialect_name=auth.database.engine.dialect.name, opts=options)
    with Operations.context(context):
        revision.upgrade()
    assert "-- Local parts beyond ASCII are made anew by `fam-auth migrate` alone." in out.getvalue()
    assert "UPDATE auth_email SET verified_at=NULL" in out.getvalue()
    assert Path(FILE).name.startswith("0")
    await auth.close()
