"""How long an application waits for its database, and how long the database works for it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from fastapi import FastAPI
from sqlalchemy import event, make_url

from fam_auth import Auth, install
from fam_auth.features.password import Password
from tests.conftest import SECRETS

PIDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@dataclass
class Timed:
    """An application, and how many seconds it has waited, from the driver's first word to its last."""

    http: httpx2.AsyncClient
    admin: psycopg.Connection
    waited: float = 0

    def worked(self) -> float:
        """Seconds of a processor that the connections to this database have had so far, COMMIT included."""
        pids = self.admin.execute(PIDS).fetchall()
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for (pid,) in pids) / 1e9

    def begin(self, *_: object) -> None:
        """A statement goes to the database."""
        self.waited -= time.perf_counter()

    def end(self, *_: object) -> None:
        """Its answer is there."""
        self.waited += time.perf_counter()


@asynccontextmanager
async def timed(url: str) -> AsyncIterator[Timed]:
    """An application on this database, which is asked without a server."""
    settings: dict[str, Any] = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "console:"}
    auth = Auth(url, features=[Password()], profile="production", trusted_proxies="10.0.0.0/8", **settings)
    app = FastAPI()
    install(app, auth)
    transport = httpx2.ASGITransport(app, client=("10.1.1.1", 1))
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://app.example.com") as http:
        own = Timed(http, psycopg.connect(plain, autocommit=True))
        event.listen(auth.database.engine.sync_engine, "before_cursor_execute", own.begin)
        event.listen(auth.database.engine.sync_engine, "after_cursor_execute", own.end)
        yield own
        own.admin.close()
    await auth.close()
