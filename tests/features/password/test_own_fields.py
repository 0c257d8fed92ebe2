"""Fields of the application's own at registration, and the row that comes of them."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field, field_validator
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fam_auth import Auth, events, install, models
from fam_auth.exceptions import Conflict, InvalidRequest, Misconfigured
from fam_auth.features.password import Password
from fam_auth.features.password.schemas import Registration, own_fields
from fam_auth.repository.data_access.managers import users, worker
from tests.conftest import SECRETS, MakeAuth
from tests.support.people import PASSWORD, Person, World

OpenWorld = Callable[..., Awaitable[World]]


class Host(DeclarativeBase):
    pass


class Profile(Host):
    __tablename__ = "profile"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(models.User.id, ondelete="CASCADE"), primary_key=True)
    nickname: Mapped[str] = mapped_column(unique=True)


class Tag(BaseModel):
    text: str


class MyFields(BaseModel):
    """The fields that the application requires."""

    nickname: Annotated[str, Field(min_length=3, examples=["countess"])]
    newsletter: bool = False
    tags: list[Tag] = []

    @field_validator("nickname")
    @classmethod
    def _is_small(cls, nickname: str) -> str:
        return nickname.lower()


async def opened(open_world: OpenWorld, **settings: Any) -> World:
    world = await open_world(registration=MyFields, **settings)
    async with world.auth.transaction() as db:
        await (await db.connection()).run_sync(Host.metadata.create_all)

    @world.auth.on(events.UserRegistered)
    async def make_profile(event: events.UserRegistered, db: AsyncSession) -> None:
        fields = event.fields(MyFields)
        assert not hasattr(fields, "password")
        if fields.nickname == "admin":
            raise InvalidRequest.of("nickname", "taken", "This name is taken.")
        db.add(Profile(user_id=event.user_id, nickname=fields.nickname))

    return world


async def nicknames(auth: Auth) -> list[str]:
    async with auth.transaction() as db:
        return list(await db.scalars(select(Profile.nickname).order_by(Profile.nickname)))


async def test_the_row_comes_with_the_user(open_world: OpenWorld) -> None:
    world = await opened(open_world)
    ada = await world.person("ada@example.com")
    answer = await ada.register(nickname="Countess", newsletter=True, tags=[{"text": "engines"}])
    assert (answer.status_code, answer.json()["status"]) == (202, "pending_verification")
    assert await nicknames(world.auth) == ["countess"]
    await ada.verify()
    assert (await ada.login()).json()["status"] == "complete"


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({}, "nickname", "missing"),
        ({"nickname": "a"}, "nickname", "string_too_short"),
        ({"nickname": "countess", "is_admin": True}, "is_admin", "extra_forbidden"),
        ({"nickname": "count\x00ess"}, "nickname", "control_character"),
        ({"nickname": "countess", "tags": [{"text": "\u202e"}]}, "tags", "control_character"),
        ({"nickname": "countess", "newsletter": "perhaps"}, "newsletter", "bool_parsing"),
    ],
)
async def test_unknown_fields_are_refused(open_world: OpenWorld, more: dict[str, Any], field: str, code: str) -> None:
    world = await opened(open_world)
    answer = await (await world.person("ada@example.com")).register(**more)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert await nicknames(world.auth) == []


async def test_s019_the_answer_is_the_same_for_a_known_address(open_world: OpenWorld) -> None:
    world = await opened(open_world)
    ada = await world.person("ada@example.com")
    first = await ada.register(nickname="countess")
    again = await ada.register(nickname="another")
    assert await nicknames(world.auth) == ["countess"]
    await ada.verify()
    known = await ada.register(nickname="third")
    # What the application refuses, by itself or by a constraint, is told to nobody either.
    refused = await (await world.person("bob@example.com")).register(nickname="admin")
    clash = await (await world.person("eve@example.com")).register(nickname="countess")
    answers = [first, again, known, refused, clash]
    assert {(one.status_code, one.json()["status"]) for one in answers} == {(202, "pending_verification")}
    assert len({len(one.text) for one in answers}) == 1
    assert await nicknames(world.auth) == ["countess"]
    assert [user.email for user in (await users.listed(world.auth, None, 10)).items] == ["ada@example.com"]
    while await worker.deliver(world.auth):
        pass
    assert {mail.recipient for mail in world.mailbox.mails} == {"ada@example.com"}


async def test_s019_a_known_address_takes_as_long_as_the_listeners(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await opened(open_world)
    ada = await world.person("ada@example.com")
    await ada.register(nickname="countess")
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    # For the hooks alone: with a sleep that does not wait, the server of `make attack` beside us would never yield.
    monkeypatch.setattr("fam_auth.hooks.asyncio", SimpleNamespace(sleep=sleep))
    await ada.register(nickname="countess")
    assert len(slept) == 1
    assert 0 < slept[0] < 1


async def test_a_registration_is_retried_after_a_serialization_failure(open_world: OpenWorld) -> None:
    world = await opened(open_world)
    tries: list[str] = []

    @world.auth.on(events.UserRegistered)
    async def stumble(event: events.UserRegistered, db: AsyncSession) -> None:
        tries.append(event.fields(MyFields).nickname)
        if len(tries) == 1:
            raise Conflict

    assert (await (await world.person("ada@example.com")).register(nickname="countess")).status_code == 202
    assert tries == ["countess", "countess"]
    assert await nicknames(world.auth) == ["countess"]


async def test_a_form_without_the_fields_has_none(open_world: OpenWorld) -> None:
    """As a page of another site may send it."""
    world = await open_world(registration=MyFields)
    form = Registration(email="ada@example.com", password=PASSWORD)
    assert own_fields(world.auth.registration, form) is None


async def test_without_verification_the_listeners_refusal_is_returned(open_world: OpenWorld) -> None:
    world = await opened(open_world, email_verification=False)
    bob = await world.person("bob@example.com")
    refused = await bob.register(nickname="admin")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "taken")
    assert (await bob.register(nickname="builder")).status_code == 201
    assert (await bob.register(nickname="another")).json()["errors"][0]["code"] == "taken"
    assert await nicknames(world.auth) == ["builder"]


async def test_the_document_shows_the_fields(open_world: OpenWorld) -> None:
    world = await opened(open_world)
    document = world.app.openapi()
    body = document["paths"]["/auth/register"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Registration"}
    schema = document["components"]["schemas"]["Registration"]
    assert {"email", "password", "name", "transport", "nickname", "newsletter", "tags"} == set(schema["properties"])
    assert sorted(schema["required"]) == ["email", "nickname", "password"]
    assert schema["additionalProperties"] is False
    assert schema["example"] == {
        "email": "ada@example.com", "password": PASSWORD, "name": "Ada", "nickname": "countess"
    }  # fmt: skip


async def test_two_auths_have_forms_of_their_own(open_world: OpenWorld) -> None:
    asking, plain = await open_world(FastAPI(), registration=MyFields), await open_world(FastAPI())
    assert (await (await plain.person("ada@example.com")).register()).status_code == 202
    assert (await Person(asking, "bob@example.com", await asking.client()).register()).status_code == 422


async def test_only_listeners_get_the_fields(open_world: OpenWorld) -> None:
    world = await opened(open_world)
    told: list[events.UserRegistered] = []

    @world.auth.after(events.UserRegistered)
    async def follow(event: events.UserRegistered) -> None:
        told.append(event)

    await (await world.person("ada@example.com")).register(nickname="countess")
    while await worker.deliver(world.auth):
        pass
    with pytest.raises(Misconfigured, match="registration=MyFields"):
        told[0].fields(MyFields)
    assert "countess" not in repr(told[0])


def test_fields_cannot_have_our_names(make_auth: MakeAuth) -> None:
    class Clash(BaseModel):
        email: str

    with pytest.raises(Misconfigured, match="the field email already exists"):
        install(FastAPI(), Auth(features=[Password()], registration=Clash, secrets=SECRETS))
