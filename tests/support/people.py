"""The people of the stories: what they can do over HTTP, and the mails they get."""

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy import update

from fam_auth import Auth
from fam_auth.core.mail import Mail
from fam_auth.models import Attempt
from fam_auth.repository.data_access.managers import worker
from fam_auth.values import Actor, Client

PASSWORD = "seventeen green llamas"
OPERATOR = Actor(Client(agent="operator"))


@dataclass
class Clock:
    """A clock that goes on by a millisecond whenever it is read, and further when it is moved."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def travel(self, **by: float) -> None:
        """Moves the time, as in `travel(minutes=5)`."""
        self.now += timedelta(**by)


@dataclass
class Mailbox:
    """A carrier that keeps what it is given."""

    mails: list[Mail] = field(default_factory=list)

    async def carry(self, mail: Mail) -> None:
        self.mails.append(mail)


@dataclass
class World:
    """A running application, its Auth, its clock, everybody's mailbox, and the way by which they reach it."""

    app: FastAPI
    auth: Auth
    mailbox: Mailbox
    clock: Clock
    stack: AsyncExitStack
    way: httpx2.AsyncBaseTransport

    async def later(self, **by: float) -> None:
        """Moves the time for the application and for the database, whose clock the attempts go by."""
        self.clock.travel(**by)
        seconds = timedelta(**by).total_seconds()
        aged = {"tried_at": Attempt.tried_at - seconds, "free_at": Attempt.free_at - seconds}
        await self.auth.database.rows(update(Attempt).values(**aged))

    async def client(self, **headers: str) -> httpx2.AsyncClient:
        """A new browser or program: it has cookies of its own."""
        client = httpx2.AsyncClient(transport=self.way, base_url="https://app.example.com", headers=headers)
        return await self.stack.enter_async_context(client)

    async def person(self, email: str) -> "Person":
        """Somebody with this address and a program of their own; not registered yet."""
        return Person(self, email, await self.client())

    async def mails(self, recipient: str, kind: str | None = None) -> list[Mail]:
        """The mails somebody has got so far, oldest first."""
        while await worker.deliver(self.auth):
            pass
        return [mail for mail in self.mailbox.mails if mail.recipient == recipient and kind in {None, mail.kind}]


@dataclass
class Person:
    """Somebody who uses the application."""

    world: World
    email: str
    http: httpx2.AsyncClient
    password: str = PASSWORD
    tokens: dict[str, Any] = field(default_factory=dict)
    registration: str | None = None

    async def register(self, **more: Any) -> httpx2.Response:
        """Asks for an account, and keeps the token of the registration."""
        body = {"email": self.email, "password": self.password, **more}
        answer = await self.http.post("/auth/register", json=body)
        if answer.status_code == 202:
            self.registration = answer.json()["registration_token"]
        return answer

    async def verify(self, **how: Any) -> httpx2.Response:
        """Follows the link of the newest mail, or what `how` says, with the token of the registration."""
        shown = how or {"token": await self.link_token()}
        return await self.http.post("/auth/email/verify", json={"registration_token": self.registration, **shown})

    async def login(self, **more: Any) -> httpx2.Response:
        """Signs in; a bearer token is used from then on."""
        body = {"email": self.email, "password": self.password, **more}
        answer = await self.http.post("/auth/login", json=body)
        if answer.status_code == 200 and answer.json().get("tokens"):
            self.use(answer.json()["tokens"])
        return answer

    async def me(self) -> httpx2.Response:
        """Asks who they are."""
        return await self.http.get("/auth/me")

    async def refresh(self) -> httpx2.Response:
        """Exchanges the refresh token, and keeps using the old one until told otherwise."""
        return await self.http.post("/auth/refresh", json={"refresh_token": self.tokens["refresh_token"]})

    def use(self, tokens: dict[str, Any]) -> None:
        """Uses these tokens from now on."""
        self.tokens = tokens
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    async def link_token(self) -> str:
        """The token in the newest mail."""
        found = re.search(r"#token=(\S+)$", (await self._newest()).text, re.MULTILINE)
        assert found
        return found.group(1)

    async def code(self) -> str:
        """The code in the newest mail."""
        found = re.search(r"^(\d{6})$", (await self._newest()).text, re.MULTILINE)
        assert found
        return found.group(1)

    async def _newest(self) -> Mail:
        return (await self.world.mails(self.email))[-1]
