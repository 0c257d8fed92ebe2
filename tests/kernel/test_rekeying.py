"""Secrets rotate: all sessions stay, and encrypted values are encrypted again with the new secret."""

from collections.abc import Awaitable, Callable

from sqlalchemy import select

from fam_auth.core.security import new_secret
from fam_auth.features.otp import Otp
from fam_auth.features.otp.models import OtpDevice
from fam_auth.features.password import Password
from fam_auth.repository.data_access.managers import invalidation, rekeying, sessions
from tests.conftest import SECRETS, MakeAuth
from tests.support.owners import enrolled
from tests.support.people import World

OpenWorld = Callable[..., Awaitable[World]]
NEWER = f"2:{new_secret()}"


async def test_s110_after_rekey_the_old_secret_can_be_removed(open_world: OpenWorld, make_auth: MakeAuth) -> None:
    features = [Password(), Otp()]
    ada = await enrolled(await open_world(features=features))
    both = make_auth(features=[Password(), Otp()], secrets=f"{NEWER},{SECRETS}")
    await invalidation.read(both)
    assert (await sessions.current(both, ada.tokens["access_token"], "bearer"))[1].email == ada.email
    ada.world.auth.keys = both.keys
    ada.use((await ada.refresh()).json())
    assert (await ada.me()).status_code == 200
    told: list[str] = []
    table = {one.column: one for one in await rekeying.rekey(both, told.append)}
    assert (table["auth_otp_device.secret"].encrypted, table["auth_otp_device.secret"].left) == ("1", "0")
    assert "auth_otp_device.secret: 1" in told
    assert table["auth_otp_recovery_code.digest"] == ("auth_otp_recovery_code.digest", "0", "10")
    [row] = await both.database.rows(select(OtpDevice.secret))
    assert row.secret.startswith("v1.2.")
    assert {one.encrypted for one in await rekeying.rekey(both)} == {"0"}
    ada.world.clock.travel(seconds=30)
    answer = await ada.second(await ada.first(), ada.code())
    assert answer.json()["session"]["assurance"] == "aal2"
    assert await rekeying.lost(both) == []
    alone = make_auth(features=[Password(), Otp()], secrets=NEWER)
    assert [one for one in await rekeying.lost(alone) if "recovery_code" in one] == [
        "10 values of auth_otp_recovery_code.digest need a secret that is not in FAM_AUTH_SECRETS"
    ]
    for auth in (both, alone):
        await auth.close()
