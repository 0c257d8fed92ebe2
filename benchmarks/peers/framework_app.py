"""FastAPI and SQLAlchemy with a connection, as any application with a database has them: what memory is measured by."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["FAM_AUTH_DATABASE"])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/me")
async def me() -> dict[str, str]:
    return {"id": "0197f0c2-a1b3-7c5d-8e9f-0a1b2c3d4e5f", "email": "ada@example.com"}
