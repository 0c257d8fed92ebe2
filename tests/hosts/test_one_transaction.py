"""A host's own table that points at our users, and one transaction for both."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fam_auth import Auth, models
from fam_auth.exceptions import InvalidRequest, NotFound
from fam_auth.repository.data_access.managers import users
from fam_auth.values import Actor, Client
from tests.conftest import MakeAuth

Sessions = async_sessionmaker[AsyncSession]


class Host(DeclarativeBase):
    pass


class Profile(Host):
    __tablename__ = "profile"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(models.User.id, ondelete="CASCADE"), primary_key=True)
    nickname: Mapped[str]


class Note(Host):
    __tablename__ = "note"
    __table_args__ = {"schema": "tenant"}  # noqa: RUF012 - as SQLAlchemy's documentation writes it

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def auth(make_auth: MakeAuth) -> Auth:
    return make_auth()


@pytest.fixture
async def engine(database: str, auth: Auth) -> AsyncIterator[AsyncEngine]:
    """The application's own engine, with its own tables in the same database as ours."""
    engine = create_async_engine(database, execution_options={"schema_translate_map": {"tenant": None}})
    if auth.database.is_sqlite:
        event.listen(engine.sync_engine, "connect", lambda plain, _: plain.execute("PRAGMA foreign_keys=ON"))
    async with engine.begin() as connection:
        await connection.run_sync(Host.metadata.create_all)
    yield engine
    await engine.dispose()
    await auth.close()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine)


async def test_user_and_profile_are_committed_together(auth: Auth, sessions: Sessions) -> None:
    async with sessions.begin() as db:
        user = await users.create(auth, "ada@example.com", name="Ada", db=db)
        db.add(Profile(user_id=user.id, nickname="countess"))
    assert await users.get(auth, user.id) == user
    found = select(models.User.name, Profile.nickname).join(Profile, Profile.user_id == models.User.id)
    async with sessions() as db, auth.transaction(db):
        assert (await db.execute(found)).one() == ("Ada", "countess")


async def test_nothing_of_it_is_there_before_the_commit(auth: Auth, sessions: Sessions) -> None:
    if auth.database.is_sqlite:
        pytest.skip("SQLite has one writer: a second look would wait for the first to end")
    async with sessions.begin() as db:
        user = await users.create(auth, "ada@example.com", db=db)
        with pytest.raises(NotFound):
            await users.get(auth, user.id)


async def test_a_rollback_of_the_host_leaves_nothing(auth: Auth, sessions: Sessions) -> None:
    async with sessions() as db:
        user = await users.create(auth, "ada@example.com", db=db)
        db.add(Profile(user_id=user.id, nickname="countess"))
        await db.flush()
        await db.rollback()
    with pytest.raises(NotFound):
        await users.get(auth, user.id)
    assert (await users.create(auth, "ada@example.com")).id != user.id


async def test_a_refusal_leaves_the_hosts_transaction_to_the_host(auth: Auth, sessions: Sessions) -> None:
    known = await users.create(auth, "ada@example.com")
    async with sessions.begin() as db:
        with pytest.raises(InvalidRequest):
            await users.create(auth, "ADA@example.com", db=db)
        db.add(Profile(user_id=known.id, nickname="countess"))
    async with sessions() as db:
        assert (await db.get_one(Profile, known.id)).nickname == "countess"


async def test_a_profile_without_a_user_is_refused(sessions: Sessions) -> None:
    db = sessions()
    db.add(Profile(user_id=UUID(int=0), nickname="nobody"))
    with pytest.raises(IntegrityError):
        await db.commit()
    await db.close()


async def test_a_profile_goes_with_its_user(auth: Auth, sessions: Sessions) -> None:
    async with sessions.begin() as db:
        user = await users.create(auth, "ada@example.com", db=db)
        db.add(Profile(user_id=user.id, nickname="countess"))
    await users.remove(auth, user.id, Actor(Client()))
    async with sessions() as db:
        assert (await db.scalars(select(Profile))).all() == []


async def test_a_host_keeps_its_own_translated_schemas(auth: Auth, sessions: Sessions) -> None:
    async with sessions.begin() as db:
        await users.create(auth, "ada@example.com", db=db)
        db.add(Note(id=1))
    async with sessions() as db:
        assert (await db.get_one(Note, 1)).id == 1
