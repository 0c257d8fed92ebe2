"""Proving again who one is: the session stays, its proofs and its tokens are new."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from fastapi import APIRouter
from sqlalchemy import select

from fam_auth import Auth, Feature, User, needs, recent_proof
from fam_auth.features.password import Password
from fam_auth.models import User as UserRow
from fam_auth.repository.data_access.managers import sessions, users
from tests.support.people import PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]


async def start(person: Person) -> str:
    answer = (await person.http.post("/auth/step-up")).json()
    assert (answer["status"], answer["next"]) == (
        "incomplete",
        [{"step": "first_factor", "methods": [{"method": "password"}]}],
    )
    token: str = answer["login_token"]
    return token


async def test_a_stale_session_becomes_fresh(world: World, ada: Person) -> None:
    routes = APIRouter()

    @routes.get("/payout", dependencies=[needs(recent_proof())])
    async def payout() -> str:
        return "paid"

    world.app.include_router(routes)
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    before = (await ada.http.get("/auth/session")).json()
    assert (await ada.http.get("/payout")).json()["code"] == "step_up_required"

    token, old = await start(ada), dict(ada.tokens)
    body = {"email": ada.email, "password": PASSWORD}
    wrong = await ada.http.post("/auth/login", json={**body, "password": "not it at all"})
    assert wrong.status_code == 401
    done = await ada.http.post("/auth/login", json=body, headers={"Authorization": f"Login {token}"})
    assert done.json()["session"]["id"] == before["id"]

    assert (await ada.me()).status_code == 401
    ada.use(done.json()["tokens"])
    assert (await ada.http.get("/payout")).json() == "paid"
    assert len((await ada.http.get("/auth/sessions")).json()["items"]) == 1
    assert (await ada.http.post("/auth/refresh", json={"refresh_token": old["refresh_token"]})).status_code == 401


async def test_by_cookie(world: World, ada: Person) -> None:
    browser = Person(world, ada.email, await world.client())
    await browser.login(transport="cookie")
    before = browser.http.cookies["__Host-fam_session"]
    started = await browser.http.post("/auth/step-up")
    assert started.json()["login_token"] is None
    standing = await browser.http.get("/auth/login")
    assert standing.json()["next"][0]["step"] == "first_factor"
    done = await browser.login()
    assert (done.json()["status"], done.json()["tokens"]) == ("complete", None)
    assert browser.http.cookies["__Host-fam_session"] != before
    assert "__Host-fam_login" not in browser.http.cookies
    assert (await browser.me()).status_code == 200


async def test_the_step_up_token_of_another_user_starts_a_plain_login(world: World, ada: Person) -> None:
    token = await start(ada)
    bob = await world.person("bob@example.com")
    await bob.register()
    await bob.verify()
    bob.http.headers["Authorization"] = f"Login {token}"
    done = (await bob.login()).json()
    assert done["user"]["email"] == bob.email
    ada.http.headers["Authorization"] = f"Login {token}"
    assert (await ada.http.get("/auth/login")).status_code == 200


async def test_a_step_up_of_an_ended_session_is_refused(world: World, ada: Person) -> None:
    token = await start(ada)
    await ada.http.post("/auth/logout")
    ada.http.headers["Authorization"] = f"Login {token}"
    answer = await ada.login()
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_login_token")


class Counting(Feature):
    """Its claim counts how often it was computed."""

    name: ClassVar[str] = "counting"
    asked: ClassVar[int] = 0

    async def claims(self, auth: Auth, db: object, user: User) -> dict[str, int]:
        Counting.asked += 1
        return {"asked": Counting.asked}


async def test_claims_are_renewed_in_every_session(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Counting()], email_verification=False)
    ada = await world.person("ada@example.com")
    ada.use((await ada.register()).json()["tokens"])
    claims = (await ada.http.get("/auth/session")).json()["claims"]
    user = await users.found(world.auth, ada.email)
    async with world.auth.transaction() as db:
        await sessions.outdate_claims(world.auth, db, select(UserRow.id).where(UserRow.id == user.id))
    assert (await ada.http.get("/auth/session")).json()["claims"] == {"asked": claims["asked"] + 1}
