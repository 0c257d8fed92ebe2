"""fastapi-fullauth as its documentation shows it, on SQLAlchemy: a JWT, and the user from the database."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi_fullauth import FullAuth, FullAuthConfig
from fastapi_fullauth.adapters import SQLAlchemyAdapter
from fastapi_fullauth.core import crypto
from fastapi_fullauth.dependencies import CurrentUser
from fastapi_fullauth.models.sqlalchemy import RefreshTokenMixin, UserMixin
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

crypto._argon2_hasher = PasswordHasher(2, 19_456, 1)  # noqa: SLF001 - there is no setting for it


class Base(DeclarativeBase):
    pass


class RefreshToken(RefreshTokenMixin, Base):
    pass


class User(UserMixin, Base):
    pass


engine = create_async_engine(os.environ["BENCH_DATABASE"])
fullauth = FullAuth(
    adapter=SQLAlchemyAdapter(
        async_sessionmaker(engine, expire_on_commit=False), user_model=User, refresh_token_model=RefreshToken
    ),
    config=FullAuthConfig(
        SECRET_KEY="a secret of thirty-two characters!",
        API_PREFIX="",
        AUTH_RATE_LIMIT_ENABLED=False,  # five sign-ins a minute would refuse the load
    ),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)
fullauth.init_app(app, include_routers=["auth"])


@app.get("/me")
async def me(user: CurrentUser) -> dict[str, str]:
    return {"id": str(user.id), "email": user.email}
