"""People with an authenticator."""

from typing import Any

import httpx2

from fam_auth.features.otp import totp
from tests.support.people import Person, World


class Owner(Person):
    """Somebody with an authenticator."""

    secret: str
    device_id: str
    recovery_codes: list[str]

    def code(self, offset: int = 0) -> str:  # type: ignore[override]
        """The code of the present step, or of one near it."""
        return totp.code_of(self.secret, totp.step_of(self.world.clock()) + offset)

    async def enrol(self, name: str = "Phone") -> httpx2.Response:
        """Adds an authenticator and confirms it."""
        begun = (await self.http.post("/auth/otp/devices", json={"name": name})).json()
        self.secret, self.device_id = begun["secret"], begun["id"]
        confirmed = await self.confirm(self.code())
        if confirmed.status_code == 200 and confirmed.json()["recovery_codes"]:
            self.recovery_codes = confirmed.json()["recovery_codes"]
        self.world.clock.travel(seconds=30)
        return confirmed

    async def confirm(self, code: str) -> httpx2.Response:
        return await self.http.post(f"/auth/otp/devices/{self.device_id}/confirm", json={"code": code})

    async def first(self) -> str:
        """The login token after the password."""
        answer = (await Person(self.world, self.email, await self.world.client(), self.password).login()).json()
        assert answer["next"][0]["step"] == "second_factor"
        token: str = answer["login_token"]
        return token

    async def second(self, token: str, code: str, path: str = "totp", **more: Any) -> httpx2.Response:
        """The second factor of the login of this token."""
        body = {"code": code, **more}
        client = await self.world.client(Authorization=f"Login {token}")
        answer = await client.post(f"/auth/login/{path}", json=body)
        if answer.status_code == 200 and answer.json().get("tokens"):
            self.use(answer.json()["tokens"])
        return answer


async def somebody(world: World, email: str = "ada@example.com") -> Owner:
    owner = Owner(world, email, await world.client())
    await owner.register()
    await owner.verify()
    await owner.login()
    return owner


async def enrolled(world: World, email: str = "ada@example.com") -> Owner:
    """Somebody with an authenticator, signed in by both factors."""
    owner = await somebody(world, email)
    assert (await owner.enrol()).status_code == 200
    assert (await owner.second(await owner.first(), owner.code())).json()["session"]["assurance"] == "aal2"
    world.clock.travel(seconds=30)
    return owner
