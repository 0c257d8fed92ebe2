"""Load on a running service, and an oracle that knows afterwards whether anything was lost or done twice."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
from sqlalchemy import make_url

from tests.support.people import PASSWORD

NUMBERS = count(1)
TABLE: list[tuple[str, ...]] = []
"""What was measured: fault, requests, acknowledged and lost, done twice, longest answer, time to the next good one."""
# What must be empty, whatever happened: each names rows that contradict each other.
CONTRADICTIONS = {
    "users without an address": (
        "SELECT 1 FROM auth_user u LEFT JOIN auth_email e ON e.user_id = u.id WHERE e.id IS NULL"
    ),
    "users without a password": (
        "SELECT 1 FROM auth_user u LEFT JOIN auth_password p ON p.user_id = u.id WHERE p.user_id IS NULL"
    ),
    "users without an event": (
        "SELECT 1 FROM auth_user u WHERE NOT EXISTS "
        "(SELECT 1 FROM auth_event v WHERE v.user_id = u.id AND v.kind IN ('user.registered', 'user.created'))"
    ),
    "sessions without an event": (
        "SELECT 1 FROM auth_session s WHERE NOT EXISTS "
        "(SELECT 1 FROM auth_event v WHERE v.session_id = s.id AND v.kind = 'session.started')"
    ),
    "events of sessions that are not there": (
        "SELECT 1 FROM auth_event v LEFT JOIN auth_session s ON s.id = v.session_id "
        "WHERE v.kind = 'session.started' AND s.id IS NULL"
    ),
    "sessions ended without an event": (
        "SELECT 1 FROM auth_session s WHERE s.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM auth_event v "
        "WHERE v.session_id = s.id AND v.kind IN ('session.ended', 'session.refresh_reused'))"
    ),
    "users suspended and signed in": (
        "SELECT 1 FROM auth_session s JOIN auth_user u ON u.id = s.user_id "
        "WHERE s.ended_at IS NULL AND u.suspended_at IS NOT NULL"
    ),
    "mails sent whose link was dead": (
        "SELECT 1 FROM auth_outbox WHERE outcome = 'sent' AND done_at > expires_at + interval '10 seconds'"
    ),
    "mails sent and waiting": (
        "SELECT 1 FROM auth_outbox WHERE done_at IS NOT NULL AND content IS NOT NULL AND outcome <> 'mail.failed'"
    ),
    "tokens used twice": (
        "SELECT user_id FROM auth_event WHERE kind = 'email.verified' GROUP BY user_id HAVING count(*) > 1"
    ),
}
# How often what happened to whom.
HAPPENED = """
    SELECT auth_email.address, kind, count(*) FROM auth_event JOIN auth_email USING (user_id)
    WHERE outcome = 'success' GROUP BY auth_email.address, kind
"""


@dataclass
class Ran:
    """What a load saw: statuses by action, the slowest answer, moments of success, and what was acknowledged.

    `tried` and `done` count deeds by address and kind of event: as often as asked for, and as acknowledged. `troubles`
    are what people found lost.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest: float = 0
    good_at: list[float] = field(default_factory=list)
    wrote_at: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    def seen(self, *actions: str) -> set[int]:
        """The statuses of some actions; of all when none is named. 0: the connection broke."""
        return {status for action, status in self.statuses if not actions or action in actions}

    @property
    def failures(self) -> int:
        """Requests that were not answered with what was asked for."""
        return sum(count for (_, status), count in self.statuses.items() if not 200 <= status < 300)

    def writes_after(self, moment: float) -> float:
        """Seconds from a moment to the first write after it that was acknowledged."""
        return min((good - moment for good in self.wrote_at if good > moment), default=float("inf"))

    def back_after(self, moment: float) -> float:
        """Seconds from a moment to the first success after it."""
        return min((good - moment for good in self.good_at if good > moment), default=float("inf"))


class Person:
    """Somebody with an account, signed in, who does one thing after the other."""

    def __init__(self, url: str, ran: Ran) -> None:
        self.http = httpx2.AsyncClient(base_url=url, timeout=15)
        self.ran, self.email = ran, _address()
        self.password = PASSWORD
        self.tokens: dict[str, Any] = {}
        self.session: str | None = None
        self.chance = Random(self.email)  # noqa: S311 - which comes next is no secret

    def next(self) -> Callable[[], Awaitable[None]]:
        """What they do next."""
        if self.email not in self.ran.users:
            return self.register
        if not self.tokens or self.session in self.ran.ended:
            return self.login
        return self.chance.choice([self.me, self.me, self.me, self.login, self.refresh, self.logout])

    async def settle(self) -> None:
        """Looks, when all is over, whether what was acknowledged is in force."""

    async def ask(self, action: str, method: str, path: str, **more: Any) -> dict[str, Any] | None:
        """The body of a good answer; None for any other."""
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        try:
            answer = await self.http.request(method, path, **{"headers": headers, **more})
        except httpx2.TransportError:
            self.ran.statuses[action, 0] += 1
            self.ran.refusals[f"{action} no answer"] += 1
            return None
        finally:
            self.ran.slowest = max(self.ran.slowest, time.monotonic() - began)
        self.ran.statuses[action, answer.status_code] += 1
        if not answer.is_success:
            # A proxy answers for itself, and not with a problem.
            is_ours = answer.headers["content-type"] == "application/problem+json"
            self.ran.refusals[f"{action} {answer.json()['code'] if is_ours else answer.text}"] += 1
            return None
        self.ran.good_at.append(time.monotonic())
        if action != "me":
            self.ran.wrote_at.append(time.monotonic())
        return answer.json() if answer.content else {}

    async def deed(self, kind: str, action: str, method: str, path: str, **more: Any) -> dict[str, Any] | None:
        """The same for what leaves an event of this kind."""
        self.ran.tried[self.email, kind] += 1
        body = await self.ask(action, method, path, **more)
        self.ran.done[self.email, kind] += body is not None
        return body

    async def register(self) -> None:
        body = await self.ask("register", "POST", "/auth/register", json=self._proof())
        if body is None:
            self.email = _address()  # perhaps the answer alone was lost
        else:
            self.ran.users.add(self.email)
            self.use(body)

    async def login(self) -> None:
        body = await self.ask("login", "POST", "/auth/login", json=self._proof())
        if body is not None:
            self.use(body)

    async def me(self) -> None:
        await self.ask("me", "GET", "/auth/me")

    async def refresh(self) -> None:
        token = self.tokens.get("refresh_token", "famr_none")
        body = await self.ask("refresh", "POST", "/auth/refresh", json={"refresh_token": token})
        if body is not None:
            self.tokens = body

    async def logout(self) -> None:
        session = self.session
        if await self.ask("logout", "POST", "/auth/logout") is not None and session:
            self.ran.ended.add(session)

    def use(self, body: dict[str, Any]) -> None:
        """Goes on with the session of an answer, if there is one in it."""
        if body.get("session"):
            self.tokens, self.session = body["tokens"], body["session"]["id"]
            self.ran.sessions.add(body["session"]["id"])

    def _proof(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


def _address() -> str:
    return f"p{next(NUMBERS)}-{uuid4().hex[:6]}@example.com"


class Refresher(Person):
    """Somebody who does nothing but refresh."""

    def next(self) -> Callable[[], Awaitable[None]]:
        return self.refresh if self.tokens else super().next()


async def load(
    url: str,
    seconds: float,
    ran: Ran,
    *,
    people: int = 8,
    person: Callable[[str, Ran], Person] = Person,
    enough: asyncio.Event | None = None,
) -> None:
    """So many people use the service for so long, or until it is enough; each about eight times a second."""
    ends = time.monotonic() + seconds

    async def live() -> None:
        one = person(url, ran)
        async with one.http:
            while time.monotonic() < ends and not (enough and enough.is_set()):
                await one.next()()
                await asyncio.sleep(0.08 + one.chance.random() / 10)
            await one.settle()

    await asyncio.gather(*(live() for _ in range(people)))


def contradictions(database: str, ran: Ran) -> list[str]:
    """What the tables say against themselves or against what was acknowledged; nothing when all is well."""
    plain = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, options="-c search_path=fam_auth") as connection:
        # Our own statements, of this file.
        found = [name for name, query in CONTRADICTIONS.items() if connection.execute(query).fetchone()]
        known = {row[0] for row in connection.execute("SELECT address FROM auth_email")}
        sessions = {str(row[0]): row[1] for row in connection.execute("SELECT id, ended_at FROM auth_session")}
        happened = {(row[0], row[1]): row[2] for row in connection.execute(HAPPENED)}
    found += [f"lost user {email}" for email in ran.users - known]
    found += [f"lost session {one}" for one in ran.sessions - sessions.keys()]
    found += [f"session alive after its end {one}" for one in ran.ended if sessions.get(one) is None]
    found += [f"lost: {kind}" for (email, kind), n in ran.done.items() if happened.get((email, kind), 0) < n]
    found += [f"{kind} twice" for (email, kind), n in ran.tried.items() if happened.get((email, kind), 0) > n]
    return found + ran.troubles
