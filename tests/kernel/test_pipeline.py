"""The login pipeline: it asks every feature after every proof, and starts no session while a step remains."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from fastapi import APIRouter
from sqlalchemy import select

from fam_auth import Auth, CurrentSession, CurrentUser, needs, recent_proof, second_factor
from fam_auth.core.hashing import Hasher
from fam_auth.dependencies import CurrentAuth, CurrentClient
from fam_auth.events import Event, SessionStarted
from fam_auth.exceptions import Forbidden, InvalidLoginToken
from fam_auth.feature import Feature
from fam_auth.features.password import Password
from fam_auth.features.password.models import PasswordHash
from fam_auth.pipeline import Attempt, Offer, Progress, Step, remaining_steps
from fam_auth.repository.data_access.managers import logins, users
from fam_auth.values import Client, Kind, Proof, User
from tests.support.people import OPERATOR, PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]
NOW = datetime(2026, 11, 23, tzinfo=UTC)
KNOWS, HAS = Proof("password", Kind.KNOWLEDGE, NOW), Proof("totp", Kind.POSSESSION, NOW)
TOTP, GONE = Offer("totp"), Offer("totp", available=False, demanded=True)
ENROL = Step("enroll_second_factor")
FACTOR = Step("second_factor", {"methods": [{"method": "totp"}]})


@pytest.mark.parametrize(
    ("proofs", "offers", "steps", "expected"),
    [
        ([KNOWS], [], [], ()),
        ([KNOWS], [TOTP], [], (FACTOR,)),
        ([KNOWS, HAS], [TOTP], [], ()),
        ([KNOWS], [TOTP], [ENROL], (FACTOR, ENROL)),
        ([KNOWS, HAS], [TOTP], [ENROL], (ENROL,)),
        ([KNOWS], [GONE], [ENROL], (ENROL,)),
        ([KNOWS], [Offer("sms", available=False)], [], ()),
    ],
)
def test_a_login_lists_its_remaining_steps(proofs: Any, offers: Any, steps: Any, expected: Any) -> None:
    assert remaining_steps(proofs, offers, steps) == expected


def test_a_login_is_refused_if_its_required_factor_is_not_available() -> None:
    with pytest.raises(Forbidden):
        remaining_steps([KNOWS], [GONE], [])


def test_the_earlier_name_of_steps_up_works_with_a_warning() -> None:
    ada = User(uuid4(), "ada@example.com", True, None, None, None, NOW, None, None)  # noqa: FBT003 - the order of fields
    progress = Progress(ada, (KNOWS,), "bearer", Client(), steps_up=ada.id)
    with pytest.warns(DeprecationWarning, match="steps_up"):
        assert progress.raises == ada.id


class Pin(Feature):
    """A second factor for tests: a user with a name must send it."""

    name: ClassVar[str] = "pin"
    requires: ClassVar[tuple[str, ...]] = ("password",)
    closed: bool = False

    async def guard(self, auth: Auth, tried: Attempt) -> None:
        if self.closed:
            raise Forbidden("Closed today.")

    async def offers(self, auth: Auth, db: Any, progress: Any) -> Sequence[Offer]:
        return [Offer("pin", available=progress.user.name is not None)]

    async def claims(self, auth: Auth, db: Any, user: Any) -> Mapping[str, Any]:
        return {"named": user.name is not None}

    async def heard(self, auth: Auth, db: Any, event: Event, subject: object) -> None:
        if isinstance(event, SessionStarted) and event.client.agent == "broken":
            raise RuntimeError("a feature that cannot do its part")


async def give_pin(world: World, login_token: str) -> Any:
    proof = Proof("pin", Kind.POSSESSION, world.auth.now())
    return await logins.prove(world.auth, login_token, proof, Client())


async def named(world: World) -> Person:
    ada = await world.person("ada@example.com")
    await ada.register(name="Ada")
    await ada.verify()
    return ada


async def test_no_session_before_the_second_factor(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Pin()])
    ada = await named(world)
    for transport in ("bearer", "cookie"):
        answer = await ada.login(transport=transport)
        assert answer.json()["next"] == [{"step": "second_factor", "methods": [{"method": "pin"}]}]
        assert "fam_session" not in str(answer.headers)
        assert "tokens" not in answer.json()
        assert (await ada.me()).status_code == 401
    outcome = await give_pin(world, (await ada.login(transport="bearer")).json()["login_token"])
    assert outcome.session.assurance == "aal2"
    assert outcome.session.claims == {"named": True}
    ada.http.headers["Authorization"] = f"Bearer {outcome.tokens.access_token}"
    assert (await ada.http.get("/auth/session")).json()["claims"] == {"named": True}


async def test_a_login_token_is_used_once_and_dies(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Pin()])
    ada = await named(world)
    token = (await ada.login()).json()["login_token"]
    await give_pin(world, token)
    with pytest.raises(InvalidLoginToken):
        await give_pin(world, token)
    late = (await ada.login()).json()["login_token"]
    world.clock.travel(minutes=11)
    with pytest.raises(InvalidLoginToken):
        await give_pin(world, late)
    other = (await ada.login()).json()["login_token"]
    await users.suspend(world.auth, (await users.found(world.auth, ada.email)).id, OPERATOR)
    with pytest.raises(InvalidLoginToken):
        await give_pin(world, other)


async def test_a_hook_that_raises_ends_the_login(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Pin()])
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    ada.http.headers["User-Agent"] = "broken"
    broken = await ada.login()
    assert (broken.status_code, broken.json()["code"]) == (500, "internal_error")
    ada.http.headers["User-Agent"] = "whole"
    await ada.login()
    assert len((await ada.http.get("/auth/sessions")).json()["items"]) == 1


async def test_a_feature_can_refuse_before_a_proof_is_checked(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Pin(closed=True)])
    ada = await named(world)
    assert (await ada.login()).json()["detail"] == "Closed today."


async def test_a_password_that_changed_during_a_login_is_refused(open_world: OpenWorld, ada: Person) -> None:
    """The check is repeated in the transaction: what was judged must still be in force."""
    world = ada.world

    class Slow(Hasher):
        async def verify(self, digest: str | None, password: str) -> bool:
            right = await super().verify(digest, password)
            await users.suspend(world.auth, (await users.found(world.auth, ada.email)).id, OPERATOR)
            return right

    world.auth.hasher.close()
    world.auth.hasher = Slow()
    assert (await ada.login()).json()["code"] == "invalid_credentials"


async def test_routes_of_the_application_enforce_their_demands(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Pin()])
    routes = APIRouter()

    @routes.get("/strong", dependencies=[needs(second_factor(within=timedelta(minutes=10)))])
    async def strong() -> str:
        return "strong"

    @routes.get("/recent", dependencies=[needs(recent_proof())])
    def recent(user: CurrentUser, session: CurrentSession) -> str:
        return f"{user.email} {session.assurance}"

    @routes.get("/who")
    async def who(auth: CurrentAuth, client: CurrentClient) -> str:
        return f"{auth.of(Pin).name} {client.agent}"

    world.app.include_router(routes)
    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.login()
    assert (await ada.http.get("/recent")).json() == "ada@example.com aal1"
    assert (await ada.http.get("/who")).json().startswith("pin ")
    refused = await ada.http.get("/strong")
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_required")
    assert refused.json()["lacking"] == {"assurance": "aal2", "max_age": 600}
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"'
    assert refused.headers["WWW-Authenticate"] == challenge
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    assert (await ada.http.get("/recent")).json()["lacking"] == {"assurance": "aal1", "max_age": 600}
    await ada.http.patch("/auth/me", json={"name": "Ada"})
    outcome = await give_pin(world, (await ada.login()).json()["login_token"])
    ada.http.headers["Authorization"] = f"Bearer {outcome.tokens.access_token}"
    assert (await ada.http.get("/strong")).json() == "strong"


async def test_s111_a_hash_with_older_parameters_is_replaced_at_login(world: World, ada: Person) -> None:
    world.auth.hasher.close()
    world.auth.hasher = Hasher(passes=3)
    assert (await ada.login()).json()["status"] == "complete"
    [row] = await world.auth.database.rows(select(PasswordHash.digest))
    assert "t=3" in row.digest
    assert PASSWORD not in row.digest
