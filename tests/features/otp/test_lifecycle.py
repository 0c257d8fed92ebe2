"""An independent authenticator, and the feature switched off and on again."""

import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from fam_auth.core.upgrade import upgrade
from fam_auth.features.otp import Otp, managers, totp
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import users
from tests.conftest import new_auth
from tests.support.people import OPERATOR, Clock, Mailbox, World

OpenWorld = Callable[..., Awaitable[World]]


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed")
async def test_oathtool_enrols_and_signs_in(open_world: OpenWorld) -> None:
    world = await open_world(features=[Password(), Otp()])

    def shown(secret: str) -> str:
        moment = f"{world.clock.now:%Y-%m-%d %H:%M:%S} UTC"
        command = ["oathtool", "--totp", "--base32", "--now", moment, secret]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    ada = await world.person("ada@example.com")
    await ada.register()
    await ada.verify()
    await ada.login()
    begun = (await ada.http.post("/auth/otp/devices", json={"name": "oathtool"})).json()
    path = f"/auth/otp/devices/{begun['id']}/confirm"
    assert (await ada.http.post(path, json={"code": shown(begun["secret"])})).status_code == 200
    world.clock.travel(seconds=30)
    token = (await ada.login()).json()["login_token"]
    client = await world.client(Authorization=f"Login {token}")
    done = await client.post("/auth/login/totp", json={"code": shown(begun["secret"])})
    assert done.json()["session"]["assurance"] == "aal2"


async def test_the_feature_is_added_to_a_live_database_and_left_out_again(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/live.db"
    alone = new_auth(url, Clock(), Mailbox())
    await upgrade(alone.database, alone.histories)
    before = await versions(alone.database)
    user = await users.create(alone, "ada@example.com", "Ada", verified=True)
    await alone.close()

    both = new_auth(url, Clock(), Mailbox(), features=[Password(), Otp()])
    await upgrade(both.database, both.histories)
    after = await versions(both.database)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    begun = await managers.begin(both, user, "Telephone")
    code = totp.code_of(begun.secret, totp.step_of(both.now()))
    await managers.confirm(both, user, begun.id, code, OPERATOR, keep=None)
    await both.close()

    alone = new_auth(url, Clock(), Mailbox())
    await upgrade(alone.database, alone.histories)
    assert await versions(alone.database) == after
    [row] = await alone.database.rows(text("SELECT count(*) AS devices FROM auth_otp_device"))
    assert row.devices == 1
    await alone.close()


async def versions(database: object) -> dict[str, str]:
    """The revision of every history."""
    names = text("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%version%' ORDER BY name")
    tables = [row.name for row in await database.rows(names)]  # type: ignore[attr-defined]
    found = {}
    for table in tables:
        [row] = await database.rows(text(f"SELECT version_num FROM {table}"))  # type: ignore[attr-defined]  # noqa: S608
        found[table] = row.version_num
    return found
