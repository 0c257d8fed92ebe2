"""What happens seldom: each of these is one line of the code that no story passes."""

import asyncio
import gc
import importlib
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth import Auth, Feature, models
from fam_auth.core.database import retried
from fam_auth.core.settings_checks import advice
from fam_auth.core.settings_list import described
from fam_auth.exceptions import Conflict, Misconfigured, NotFound
from fam_auth.features.otp import Otp, totp
from fam_auth.features.otp import managers as factors
from fam_auth.features.password import Password
from fam_auth.install import running
from fam_auth.repository.data_access.managers import purge, sessions, users
from tests.conftest import SECRETS, MakeAuth, new_auth
from tests.support import postgres
from tests.support.people import OPERATOR, Clock, Mailbox, Person, World

OpenWorld = Callable[..., Awaitable[World]]
WIDE = {"secrets": SECRETS, "public_url": "https://app.example.com", "mail": "smtp://mail.example.com"}


async def test_a_serialization_failure_is_retried(postgres_database: str) -> None:
    """A real one: two who read and write the same row, in isolation."""
    auth = new_auth(postgres_database, Clock(), Mailbox())
    user = await users.create(auth, "ada@example.com", verified=True)
    tries: list[str] = []

    @retried
    async def rename() -> None:
        async with auth.transaction() as db:
            await db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            await db.execute(text("SELECT name FROM fam_auth.auth_user"))
            if not tries:
                tries.append("first")
                await users.rename(auth, user.id, {"name": "Somebody"}, OPERATOR)
            await db.execute(text("UPDATE fam_auth.auth_user SET name = 'Ada'"))

    await rename()
    assert (await users.get(auth, user.id)).name == "Ada"

    @retried
    async def always(db: AsyncSession | None = None) -> None:
        tries.append("again")
        raise Conflict

    with pytest.raises(Conflict):
        await always()
    with pytest.raises(Conflict):
        await always(db=AsyncSession(auth.database.engine))
    assert tries == ["first", "again", "again", "again", "again"]
    await auth.close()


async def test_one_device_is_confirmed_once(postgres_database: str) -> None:
    auth = new_auth(postgres_database, Clock(), Mailbox(), features=[Password(), Otp()])
    ada = await users.create(auth, "ada@example.com", verified=True)
    begun = await factors.begin(auth, ada, "Phone")
    code = totp.code_of(begun.secret, totp.step_of(auth.now()))
    confirmed = [factors.confirm(auth, ada, begun.id, code, OPERATOR, keep=None) for _ in range(5)]
    results = await asyncio.gather(*confirmed, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NotFound"] * 4 + ["list"]
    assert issubclass(NotFound, Exception)
    await auth.close()


@pytest.mark.engines("postgresql")  # the statement that comes in between has a connection of its own
async def test_whoever_is_deleted_while_their_claims_are_renewed_is_signed_out(
    world: World, ada: Person, database: str
) -> None:
    """The session is read, the user goes, and only then are the claims that have ended asked for."""
    async with world.auth.transaction() as db:
        await sessions.outdate_claims(world.auth, db, select(models.User.id))
    deleted: list[int] = []

    def delete(_: object, __: object, statement: str, *___: object) -> None:
        if not deleted and statement.startswith("SELECT") and "claims_until" in statement:
            with postgres.connected(database) as connection:
                deleted.append(connection.execute("DELETE FROM fam_auth.auth_user").rowcount)

    for engine in (world.auth.database.engine, world.auth.database.autocommit):
        event.listen(engine.sync_engine, "after_cursor_execute", delete)
    assert (await ada.me()).json()["code"] == "unauthenticated"
    assert deleted == [1]


async def test_a_purge_keeps_users_if_addresses_need_no_verification(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp()], email_verification=False)
    purged = await purge.purge(world.auth)
    assert "users" not in purged
    assert purged["otp_email_code"] == 0


def test_a_feature_publishes_no_configuration_by_default() -> None:
    class Silent(Feature):
        name = "silent"

    assert Silent().public() == {}


def test_a_misspelt_keyword() -> None:
    with pytest.raises(Misconfigured, match="FAM_AUTH_DATABSE is not a setting"):
        Auth(databse="x")


async def test_s106_s114_the_service_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    monkeypatch.setenv("FAM_AUTH_DATABASE", f"sqlite+aiosqlite:///{tmp_path}/x.db")
    sys.modules.pop("fam_auth.main", None)
    gc.unfreeze()
    main = importlib.import_module("fam_auth.main")
    assert gc.get_freeze_count() > 100_000  # what is there from the start, FastAPI and SQLAlchemy with it
    gc.unfreeze()
    assert main.app.docs_url == "/docs"
    monkeypatch.setenv("FAM_AUTH_PROFILE", "production")
    service = main.create(new_auth(str(world.auth.database.url), Clock(), Mailbox()))
    assert (service.docs_url, service.openapi_url) == (None, None)
    for app, expected in ((service, "max-age=31536000; includeSubDomains"), (main.app, None)):
        sent: list[dict[str, Any]] = []
        await app(*_call("/auth/config", sent))
        headers = dict(sent[0]["headers"])
        assert (sent[0]["status"], headers.get(b"strict-transport-security", b"").decode() or None) == (200, expected)


def _call(path: str, sent: list[dict[str, Any]], *chunks: bytes) -> tuple[Any, Any, Any]:
    """A request as a server hands it over, its body in pieces."""
    left = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks or (b"",))
    ]
    headers = [(b"host", b"app.example.com"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST" if chunks else "GET",
        "path": path,
        "query_string": b"",
        "headers": headers,
    }

    async def receive() -> Any:
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    return {**scope, "client": ("192.0.2.1", 1), "server": ("x", 443), "scheme": "https"}, receive, send


async def test_a_body_that_is_too_large_is_read_to_its_end(world: World) -> None:
    sent: list[dict[str, Any]] = []
    await world.app(*_call("/auth/login", sent, *[b"x" * 40_000] * 4))
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trusted_proxies": "10.0.0.0/8,0.0.0.0/0"}, "FAM_AUTH_TRUSTED_PROXIES trusts every client"),
        ({"trusted_proxies": "::/0"}, "FAM_AUTH_TRUSTED_PROXIES trusts every client"),
        ({"session_idle": "P60D"}, "FAM_AUTH_SESSION_IDLE is longer"),
        ({"allowed_origins": "*"}, "FAM_AUTH_ALLOWED_ORIGINS: write each"),
        ({"allowed_origins": "https://*.example.com"}, "FAM_AUTH_ALLOWED_ORIGINS: write each"),
        ({"allowed_origins": "https://app.example.com/"}, "FAM_AUTH_ALLOWED_ORIGINS: write each"),
        ({"allowed_origins": "http://app.example.com"}, "FAM_AUTH_ALLOWED_ORIGINS has an origin with plain HTTP"),
    ],
)
def test_a100_unsafe_settings_stop_the_start(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        Auth("postgresql+psycopg://localhost/app", features=[Password()], **{**WIDE, **settings})


def test_advice_lists_settings_that_could_be_safer() -> None:
    bold: dict[str, Any] = {
        "session_absolute": "P60D",
        "access_lifetime": "PT2H",
        "api_docs": True,
        "token_route": True,
        "email_verification": False,
        "mail": "console:",
        "public_url": "http://app.example.com",
        "cookies_over_http": True,
        "allowed_origins": "https://app.example.com",
    }
    auth = Auth("postgresql+psycopg://localhost/app", features=[Password()], **{**WIDE, **bold})
    told = list(advice(auth.settings))
    assert len(told) == 7
    assert all(line.startswith("FAM_AUTH_") and line.endswith(".") for line in told)
    names = {row["name"] for row in described(auth.settings)}
    assert {"FAM_AUTH_THROTTLE__FREE", "FAM_AUTH_LINKS__VERIFY_EMAIL", "FAM_AUTH_SESSION_MEMORY"} <= names
    assert "FAM_AUTH_THROTTLE" not in names
    assert list(advice(Auth("sqlite+aiosqlite:///./x.db", secrets=SECRETS).settings)) == []


async def test_a_mail_that_hangs_does_not_delay_the_shutdown(
    make_auth: MakeAuth, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("fam_auth.install")  # the package has a function of that name
    assert timedelta(seconds=1) < module.GRACE < timedelta(seconds=10)
    monkeypatch.setattr(module, "GRACE", timedelta(seconds=0.3))
    hanging = asyncio.Event()

    class Hanging:
        async def carry(self, mail: object) -> None:
            hanging.set()
            await asyncio.sleep(60)

    await (await world.person("ada@example.com")).register()
    auth = make_auth()
    auth.carrier = Hanging()
    async with asyncio.timeout(15), running(auth):
        await hanging.wait()


async def test_s123_a_user_agent_is_stored_as_one_line(world: World) -> None:
    ada = await world.person("ada@example.com")
    ada.http.headers["User-Agent"] = "curl\x1b[2J\u00a0evil"
    await ada.register()
    await ada.verify()
    await ada.login()
    [item] = (await ada.http.get("/auth/sessions")).json()["items"]
    assert item["client"].startswith("curl?[2J")


async def test_in_development_the_requested_host_is_the_same_site(open_world: OpenWorld) -> None:
    world = await open_world(profile="development")
    ada = await world.person("ada@example.com")
    for origin, status in (("https://app.example.com", 202), ("https://evil.example", 403)):
        ada.http.headers["Origin"] = origin
        assert (await ada.register()).status_code == status
