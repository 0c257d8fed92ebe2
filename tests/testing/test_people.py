"""People, mails and the time of a test."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from fam_auth import Auth, install
from fam_auth.core.clock import system_clock
from fam_auth.core.mail import Mail
from fam_auth.exceptions import InvalidCredentials, TooManyAttempts
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password, changes, managers
from fam_auth.features.role import Permission, Role
from fam_auth.features.role import managers as grants
from fam_auth.features.role.queries import EVERYTHING
from fam_auth.testing import (
    Clock,
    code_in,
    isolated,
    mails_to,
    make_user,
    sign_in,
    signed_in,
    template,
    token_in,
    totp_code,
    travel,
)
from fam_auth.values import Client, Visit
from tests.conftest import SECRETS
from tests.support.people import PASSWORD

ROLES = Role(permissions=[Permission("posts:publish")], roles={"editor": ["posts:publish"]})
VISIT = Visit(Client("192.0.2.1"), "bearer")


@pytest.fixture
def auth(tmp_path: Path) -> Iterator[Auth]:
    """An Auth of production, whose server is not there."""
    made = Auth(
        "postgresql+psycopg://127.0.0.1:1/none",
        features=[Password(), Otp(), ROLES],
        secrets=SECRETS,
        public_url="https://app.example.com",
        mail="smtp://127.0.0.1:1",
    )
    before = (made.database, made.now, made.carrier, made.hasher)
    with isolated(made, tmp_path) as inside:
        yield inside
    assert (made.database, made.now, made.carrier, made.hasher) == before


async def test_traits_of_a_user(auth: Auth) -> None:
    ada = await make_user(auth, roles=["editor", ("editor", "project:42")], factors=["totp"], name="Ada")
    assert ada.email_verified
    assert {(row.role, row.scope) for row in (await grants.of_user(auth, ada.id, None, 10)).items} == {
        ("editor", EVERYTHING),
        ("editor", "project:42"),
    }
    assert len(await totp_code(auth, ada)) == 6
    assert await mails_to(auth, ada.email) == []
    other = await make_user(auth, verified=False)
    assert not other.email_verified
    with pytest.raises(ValueError, match="has no authenticator"):
        await totp_code(auth, other)
    with pytest.raises(ValueError, match="Use totp"):
        await make_user(auth, factors=["carrier pigeon"])


async def test_sessions_are_real(auth: Auth) -> None:
    app = FastAPI()
    install(app, auth)
    ada = await make_user(auth, roles=["editor"])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://test") as client:
        seen = (await (await signed_in(auth, client, ada, assurance="aal2")).get("/auth/session")).json()
        assert (seen["assurance"], seen["claims"]["roles"]) == ("aal2", ["editor"])
        await signed_in(auth, client, ada, transport="cookie")
        assert (await client.get("/auth/session")).json()["assurance"] == "aal1"
        assert "Authorization" not in client.headers
        await client.post("/auth/logout")
        assert (await client.get("/auth/session")).status_code == 401
    done = await sign_in(auth, ada)
    assert done.tokens
    assert done.session.expires_at > auth.now()


async def test_time_stands_still_and_jumps(auth: Auth) -> None:
    assert isinstance(auth.now, Clock)
    assert abs(auth.now() - system_clock()) < timedelta(seconds=5)
    assert abs(auth.now.travel(timedelta(days=1)) - system_clock() - timedelta(days=1)) < timedelta(seconds=5)
    christmas = datetime(2026, 12, 24, tzinfo=UTC)
    assert auth.now.freeze(christmas) == christmas
    assert timedelta(0) < auth.now() - christmas < timedelta(milliseconds=1)
    assert auth.new_id() < auth.new_id()
    later = await travel(auth, timedelta(hours=1))
    assert timedelta(hours=1) < later - christmas < timedelta(hours=1, seconds=1)
    assert auth.now.freeze() - later < timedelta(seconds=1)


async def test_limits_go_by_the_time_of_the_test(auth: Auth) -> None:
    ada = await make_user(auth, password=PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await managers.login(auth, ada.email, "not it at all", VISIT)
    with pytest.raises(TooManyAttempts):
        await managers.login(auth, ada.email, PASSWORD, VISIT)
    await travel(auth, timedelta(hours=1))
    await managers.login(auth, ada.email, PASSWORD, VISIT)


async def test_mails_are_waited_for(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await make_user(auth)
    real, calls = asyncio.sleep, list[float]()

    async def sleep(seconds: float) -> None:
        calls.append(seconds)
        await real(0)

    await changes.forgot(auth, ada.email, VISIT.client)
    assert [mail.kind for mail in await mails_to(auth, ada.email)] == ["reset_password"]
    assert await mails_to(auth, ada.email, "verify_email") == []
    # One that somebody else is sending.
    monkeypatch.setattr("fam_auth.testing.mailbox.asyncio.sleep", sleep)
    monkeypatch.setattr("fam_auth.testing.mailbox.LOOKS", 3)

    async def busy(_: Auth) -> int:
        return 0

    monkeypatch.setattr("fam_auth.testing.mailbox.worker.deliver", busy)
    await travel(auth, timedelta(minutes=2))
    await changes.forgot(auth, ada.email, VISIT.client)
    assert len(await mails_to(auth, ada.email)) == 1
    assert calls == [0.01] * 3


def test_what_is_in_a_mail() -> None:
    mail = Mail("verify_email", "", "", "", "Follow\nhttps://x.example/y#token=famp_1\n\n123456\n", "", "")
    assert (token_in(mail), code_in(mail)) == ("famp_1", "123456")
    empty = Mail("welcome", "", "", "", "Nothing\n", "", "")
    with pytest.raises(ValueError, match="The mail welcome contains no link with a token"):
        token_in(empty)


def test_tables_are_made_once(auth: Auth, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    tables = template(auth, tmp_path)
    before = auth.database
    with isolated(auth, tmp_path / "one", tables=tables) as inside:
        user = asyncio.run(make_user(inside, "ada@example.com"))
        with isolated(auth, tmp_path / "two", tables=tables) as again:
            assert asyncio.run(make_user(again, "ada@example.com")).id != user.id
    assert auth.database is before
