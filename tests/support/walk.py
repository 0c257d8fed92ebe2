"""Somebody walks along every route there is, and what that asks the database for."""

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from starlette.routing import compile_path

from fam_auth import install
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role, definitions, managers
from fam_auth.http.access_rules import rules
from fam_auth.repository.data_access.managers import invalidation, purge, sessions, users
from tests.conftest import new_auth
from tests.support.crowd import ROWS
from tests.support.owners import Owner, enrolled
from tests.support.people import OPERATOR, PASSWORD, Clock, Mailbox, Person, World
from tests.support.plans import Statements, faults

READS_ON = {
    " ILIKE ": "an administrator looks for a part of an address: users are read until a page is full",
    "FROM fam_auth.auth_role_grant \nWHERE fam_auth.auth_role_grant.role IN": "a role changes for all who have it",
}
Routes = set[tuple[str, str]]
Story = Callable[[World], Awaitable[None]]
NEW = "eleven purple yaks"


class Walked(World):
    """A running application that notes which of its routes have answered well."""

    @cached_property
    def routes(self) -> dict[tuple[str, str], re.Pattern[str]]:
        ours = [rule for rule in rules(self.app) if rule.path.startswith("/auth/")]
        return {(rule.method, rule.path): compile_path(rule.path)[0] for rule in ours}

    async def client(self, **headers: str) -> httpx2.AsyncClient:
        made = await super().client(**headers)
        made.event_hooks["response"].append(self._note)
        return made

    async def _note(self, answer: httpx2.Response) -> None:
        if answer.is_success:
            method, path = answer.request.method, answer.request.url.path
            self.walked |= {
                key for key, path_regex in self.routes.items() if key[0] == method and path_regex.match(path)
            }

    @cached_property
    def walked(self) -> Routes:
        return set()


def address(name: str) -> str:
    """An address that nobody has yet, in whatever walk before."""
    return f"{name}.{uuid4().hex[:8]}@example.com"


async def member(world: World, email: str) -> Person:
    """Somebody with a verified address, signed in."""
    person = await world.person(email)
    await person.register()
    await person.verify()
    await person.login()
    return person


async def account(world: World, ada: Person) -> None:
    """Everything around an account."""
    http, body = ada.http, {"email": ada.email}
    await http.get("/auth/config")
    await http.get("/auth/health/live")
    await http.get("/auth/health/ready")
    await http.post("/auth/password/check", json={"password": NEW})
    await ada.refresh()
    await ada.refresh()
    for path in ("session", "sessions", "events", "me", "me/export"):
        await http.get(f"/auth/{path}")
    await http.patch("/auth/me", json={"name": "Ada"})
    await http.post("/auth/email/resend", json=body)
    await http.post("/auth/email/change", json={"email": f"new.{ada.email}"})
    mail = (await world.mails(f"new.{ada.email}", "confirm_email_change"))[-1]
    await http.post("/auth/email/confirm", json={"token": mail.text.partition("#token=")[2].split()[0]})
    mail = (await world.mails(ada.email, "undo_email_change"))[-1]
    await http.post("/auth/email/undo", json={"token": mail.text.partition("#token=")[2].split()[0]})


async def session(world: World, ada: Person) -> None:
    """Ways in and out."""
    other = Person(world, ada.email, await world.client())
    await other.login()
    again = (await other.http.get("/auth/session")).json()
    await ada.http.delete(f"/auth/sessions/{again['id']}")
    await other.http.post("/auth/token", data={"username": ada.email, "password": PASSWORD})
    begun = (await ada.http.post("/auth/step-up")).json()
    client = await world.client(Authorization=f"Login {begun['login_token']}")
    await client.get("/auth/login")
    await client.delete("/auth/login")
    await ada.http.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    mail = (await world.mails(ada.email, "reset_password"))[-1]
    token = mail.text.partition("#token=")[2].split()[0]
    await ada.http.post("/auth/password/reset", json={"token": token, "new_password": PASSWORD})
    await ada.login()
    await ada.http.delete("/auth/sessions")
    await ada.http.post("/auth/logout")
    await ada.login()


async def factors(world: World, owner: Owner) -> None:
    """Second factors."""
    http = owner.http
    browser = await world.client()
    first = await browser.post("/auth/login", json={"email": owner.email, "password": PASSWORD})
    token = first.json()["login_token"]
    wrong = await world.client(Authorization=f"Login {token}")
    await wrong.post("/auth/login/totp", json={"code": "000000"})
    await wrong.post("/auth/login/totp", json={"code": owner.code(), "remember_browser": True})
    listed = (await http.get("/auth/otp")).json()
    await http.delete(f"/auth/otp/browsers/{listed['trusted_browsers'][0]['id']}")
    await owner.second(await owner.first(), owner.recovery_codes[0], "recovery-code")
    world.clock.travel(seconds=30)
    await owner.second(await owner.first(), owner.code())
    await http.post("/auth/otp/recovery-codes")
    await http.delete(f"/auth/otp/devices/{owner.device_id}")


async def by_mail(world: World) -> None:
    """A second factor that comes by mail; and leaving for good."""
    owner = Owner(world, address("carl"), await world.client())
    await owner.register()
    await owner.verify()
    token = await owner.first()
    await (await world.client(Authorization=f"Login {token}")).post("/auth/login/email-code/send")
    await owner.second(token, await Person.code(owner), "email-code")
    await owner.http.delete("/auth/me")


async def office(world: World, admin: Person, ada: Person) -> None:
    """Administration."""
    http, user = admin.http, (await ada.me()).json()["id"]
    for path in ("users?search=crowd", "users?limit=5", f"users/{user}", f"users/{user}/export", f"users/{user}/otp"):
        await http.get(f"/auth/{path}")
    for path in ("permissions", "roles", f"users/{user}/roles", f"users/{user}/events"):
        await http.get(f"/auth/{path}")
    since, until = (f"{world.clock() - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (30, 29))
    for query in ("", "?kind=role.granted", f"?since={since}&until={until}"):
        page = (await http.get(f"/auth/events/all{query}")).json()
        await http.get("/auth/events/all", params={"after": page["items"][-1]["id"]})
    await http.post("/auth/roles", json={"name": "clerk", "permissions": ["users:read"]})
    await http.get("/auth/roles/clerk")
    await http.put(f"/auth/users/{user}/roles/clerk", json={})
    await http.get(f"/auth/users/{user}/roles/clerk")
    await http.patch("/auth/roles/clerk", json={"permissions": ["events:read"]})
    await ada.me()
    await http.delete(f"/auth/users/{user}/roles/clerk")
    await http.delete("/auth/roles/clerk")
    await http.patch(f"/auth/users/{user}", json={"name": "Augusta"})
    await http.delete(f"/auth/users/{user}/sessions")
    await http.post(f"/auth/users/{user}/suspend", json={"reason": "asked"})
    await http.post(f"/auth/users/{user}/restore")
    await http.post(f"/auth/users/{user}/otp/remove", json={"reason": "lost"})
    await http.post(f"/auth/users/{user}/password/compromised")
    await http.post("/auth/users/invite", json={"email": address("new")})
    await http.delete(f"/auth/users/{user}")


async def chores(world: World) -> None:
    """What workers and operators do beside requests."""
    auth = world.auth
    await invalidation.read(auth)
    await invalidation.read(auth)
    await sessions.note_seen(auth)
    await sessions.listed(auth, None, None, 20)
    await purge.purge(auth)


async def everything(world: World) -> None:
    """Every route but those of codes by mail."""
    await definitions.ensure_admin(world.auth)
    await account(world, await member(world, address("eve")))
    ada = await member(world, address("ada"))
    await session(world, ada)
    await chores(world)
    await factors(world, await enrolled(world, address("bob")))
    boss = await member(world, address("boss"))
    await managers.grant(world.auth, (await users.found(world.auth, boss.email)).id, "admin", OPERATOR)
    await boss.login()
    await office(world, boss, ada)


async def wrong_plans(database: str, now: datetime) -> dict[str, list[str]]:
    """The statements of all routes and chores whose plans take the longer the more rows there are, and why."""
    async with AsyncExitStack() as stack:
        walk = strolled(stack, database, Otp(remember_browser=True), everything, now=now, token_route=True)
        first, routes, walked = await walk
        second, more, also_walked = await strolled(stack, database, Otp(email_code=True), by_mail, now=now)
        assert (routes | more) - walked - also_walked == set()
        plans = {**await first.plans(), **await second.plans()}
        assert len(plans) > 130
        found = {statement: list(faults(plan, ROWS.keys())) for statement, plan in plans.items()}
        return {
            statement: wrong
            for statement, wrong in found.items()
            if wrong and not any(word in statement for word in READS_ON)
        }


async def strolled(
    stack: AsyncExitStack, database: str, otp: Otp, story: Story, *, now: datetime, **settings: Any
) -> tuple[Statements, Routes, Routes]:
    """A story was lived: what it asked the database for, the routes there are, and those that answered well."""
    clock, mailbox, app = Clock(now), Mailbox(), FastAPI()
    limits = {"mail": "1000/1m", "network": "1000/1m"}
    settings |= {"features": [Password(), otp, Role()], "session_memory": 0, "throttle": limits}
    auth = new_auth(database, clock, mailbox, **settings)
    install(app, auth)
    stack.push_async_callback(auth.close)
    statements, world = Statements(auth.database), Walked(app, auth, mailbox, clock, stack, httpx2.ASGITransport(app))
    await story(world)
    return statements, set(world.routes), world.walked
