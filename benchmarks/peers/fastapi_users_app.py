"""fastapi-users as its documentation shows it: tokens in the database and JWT, with our parameters of Argon2."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase, SQLAlchemyBaseAccessTokenTableUUID
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = "a secret of thirty-two characters!"


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class UserRead(schemas.BaseUser[UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    pass


engine = create_async_engine(os.environ["BENCH_DATABASE"])
sessions = async_sessionmaker(engine, expire_on_commit=False)
helper = PasswordHelper(PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),)))


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as one:
        yield one


async def user_database(one: Annotated[AsyncSession, Depends(session)]) -> AsyncIterator[SQLAlchemyUserDatabase]:
    yield SQLAlchemyUserDatabase(one, User)


async def token_database(
    one: Annotated[AsyncSession, Depends(session)],
) -> AsyncIterator[SQLAlchemyAccessTokenDatabase]:
    yield SQLAlchemyAccessTokenDatabase(one, AccessToken)


async def manager(
    database: Annotated[SQLAlchemyUserDatabase, Depends(user_database)],
) -> AsyncIterator[UserManager]:
    yield UserManager(database, helper)


def by_database(tokens: Annotated[AccessTokenDatabase, Depends(token_database)]) -> DatabaseStrategy:
    return DatabaseStrategy(tokens, lifetime_seconds=3600)


def by_jwt() -> JWTStrategy:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


kept = AuthenticationBackend("database", BearerTransport("auth/login"), by_database)
signed = AuthenticationBackend("jwt", BearerTransport("jwt/login"), by_jwt)
users = FastAPIUsers[User, UUID](manager, [kept, signed])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


async def only_kept() -> list[AuthenticationBackend]:
    return [kept]


async def only_signed() -> list[AuthenticationBackend]:
    return [signed]


app = FastAPI(lifespan=lifespan)
app.include_router(users.get_auth_router(kept), prefix="/auth")
app.include_router(users.get_auth_router(signed), prefix="/jwt")
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")
by_token = users.current_user(active=True, get_enabled_backends=only_kept)
by_signature = users.current_user(active=True, get_enabled_backends=only_signed)


@app.get("/me")
async def me(user: Annotated[User, Depends(by_token)]) -> dict[str, str]:
    return {"id": str(user.id), "email": user.email}


@app.get("/jwt/me")
async def me_by_jwt(user: Annotated[User, Depends(by_signature)]) -> dict[str, str]:
    return {"id": str(user.id), "email": user.email}
