"""People whose lives go through mails and second factors, for loads that are interrupted."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from pathlib import Path
from uuid import uuid4

from fam_auth.features.otp import totp
from tests.support.load import Person, Ran

LETTER_WAIT = 6.0


class Letters:
    """The mails of a service, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: set[str] = set()
        self._tokens: dict[tuple[str, str], list[str]] = {}

    async def token(self, recipient: str, kind: str, after: int) -> str | None:
        """The token of the newest mail, once there are more than `after` of them; None when none comes in time."""
        ends = time.monotonic() + LETTER_WAIT
        while time.monotonic() < ends:
            await asyncio.sleep(0.1)
            self._open()
            if len(found := self._tokens.get((recipient, kind), [])) > after:
                return found[-1]
        return None

    def count(self, recipient: str, kind: str) -> int:
        """How many have come so far."""
        self._open()
        return len(self._tokens.get((recipient, kind), []))

    def _open(self) -> None:
        for file in sorted(self.folder.glob("*.eml")):
            if file.name not in self._read:
                self._read.add(file.name)
                mail = message_from_bytes(file.read_bytes(), policy=policy.default)
                part = mail.get_body(("plain",))
                found = re.search(r"#token=(\S+)", part.get_content() if part else "")
                if found:
                    self._tokens.setdefault((mail["To"], mail["X-Fam-Auth-Kind"]), []).append(found[1])


class Reader(Person):
    """Somebody who proves their address and sets a new password again and again, by what they are mailed."""

    def __init__(self, url: str, ran: Ran, letters: Letters) -> None:
        super().__init__(url, ran)
        self.letters = letters
        self.is_verified = False
        self.possible = {self.password}

    def next(self) -> Callable[[], Awaitable[None]]:
        if self.email in self.ran.users and not self.is_verified:
            return self.verify
        if self.email in self.ran.users and self.tokens:
            return self.reset
        return super().next()

    async def verify(self) -> None:
        token = await self.letters.token(self.email, "verify_email", 0)
        if token is None:
            await self.ask("resend", "POST", "/auth/email/resend", json={"email": self.email})
        elif await self.deed("email.verified", "verify", "POST", "/auth/email/verify", json=self.shown(token)):
            self.is_verified = True
        else:
            await self.login()  # perhaps the answer alone was lost
            self.is_verified = bool(self.tokens)

    def shown(self, token: str) -> dict[str, str]:
        """What verifies the address: nobody sets another password before that."""
        [password] = self.possible
        return {"token": token, "password": password}

    async def login(self) -> None:
        for password in self.possible:
            self.password = password
            await super().login()
            if self.tokens:
                return

    async def reset(self) -> None:
        before = self.letters.count(self.email, "reset_password")
        await self.ask("forgot", "POST", "/auth/password/forgot", json={"email": self.email})
        token = await self.letters.token(self.email, "reset_password", before)
        if token is None:
            return
        new = f"{uuid4().hex} llamas"
        self.possible.add(new)
        body = {"token": token, "new_password": new}
        if await self.deed("password.reset", "reset", "POST", "/auth/password/reset", json=body) is not None:
            self.possible = {new}
        self.tokens = {}

    async def settle(self) -> None:
        self.tokens = {}
        if self.is_verified:
            await self.login()
            if not self.tokens:
                self.ran.troubles.append("no password is the right one")


class Owner(Person):
    """Somebody who adds an authenticator, signs in with a recovery code, and removes it, again and again."""

    def __init__(self, url: str, ran: Ran) -> None:
        super().__init__(url, ran)
        self.device: str | None = None
        self.codes: list[str] = []
        self.is_strong = False

    def next(self) -> Callable[[], Awaitable[None]]:
        if self.email not in self.ran.users or not self.tokens:
            return super().next()
        if self.device is None:
            return self.enrol
        return self.remove if self.is_strong else self.login

    async def enrol(self) -> None:
        begun = await self.ask("begin", "POST", "/auth/otp/devices", json={"name": "Phone"})
        if begun is None:
            return
        code = totp.code_of(begun["secret"], int(time.time()) // 30)
        path = f"/auth/otp/devices/{begun['id']}/confirm"
        confirmed = await self.deed("second_factor.added", "confirm", "POST", path, json={"code": code})
        if confirmed is None:
            self.become_another()
        else:
            self.device, self.codes, self.is_strong = begun["id"], confirmed["recovery_codes"], False

    async def login(self) -> None:
        begun = await self.ask("login", "POST", "/auth/login", json=self._proof())
        if begun is None or self.device is None:
            self.use(begun or {})
            return
        more = {"json": {"code": self.codes.pop()}, "headers": {"Authorization": f"Login {begun['login_token']}"}}
        kind = "second_factor.recovery_code_used"
        body = await self.deed(kind, "recovery", "POST", "/auth/login/recovery-code", **more)
        if body is None:
            self.become_another()
        else:
            self.use(body)
            self.is_strong = True

    async def remove(self) -> None:
        kind, path = "second_factor.removed", f"/auth/otp/devices/{self.device}"
        if await self.deed(kind, "remove", "DELETE", path) is None:
            self.become_another()
        else:
            self.device, self.is_strong = None, False

    def become_another(self) -> None:
        """Whoever does not know how it went cannot go on without waiting half a minute for another code."""
        other = Owner(str(self.http.base_url), self.ran)
        self.email, self.tokens, self.session, self.device = other.email, {}, None, None

    async def settle(self) -> None:
        if self.tokens and self.device is not None:
            self.tokens = {}
            ends, body = time.monotonic() + LETTER_WAIT, None
            while body is None and time.monotonic() < ends:
                body = await self.ask("login", "POST", "/auth/login", json=self._proof())
                await asyncio.sleep(0.5)  # attempts that a killed worker judged count
            if body is None or body["status"] != "incomplete":
                self.ran.troubles.append("a second factor is not asked for")


class Mover(Reader):
    """Somebody who proves their address, and changes it once."""

    async def reset(self) -> None:
        await self.move()

    async def move(self) -> None:
        new = f"moved-{self.email}"
        if await self.ask("change", "POST", "/auth/email/change", json={"email": new}) is None:
            await self.login()
            return
        token = await self.letters.token(new, "confirm_email_change", 0)
        for counted in (self.ran.tried, self.ran.done):
            counted.pop((self.email, "email.verified"), None)  # what happened goes with the account to its new address
        body = token and await self.ask("address", "POST", "/auth/email/confirm", json={"token": token})
        if body:
            await self._try(new)
        self.become_another()

    async def _try(self, new: str) -> None:
        self.email, self.tokens = new, {}
        self.ran.users.add(new)
        await self.login()

    def become_another(self) -> None:
        """The next address belongs to the next account."""
        other = Mover(str(self.http.base_url), self.ran, self.letters)
        self.ran.users.discard(self.email.removeprefix("moved-"))
        self.email, self.tokens, self.session, self.is_verified = other.email, {}, None, False


class Administrator(Person):
    """Somebody who suspends others and lets them in again."""

    def __init__(self, url: str, ran: Ran, email: str) -> None:
        super().__init__(url, ran)
        self.email = email

    def next(self) -> Callable[[], Awaitable[None]]:
        return self.suspend if self.tokens else self.login

    async def suspend(self) -> None:
        other = Person(str(self.http.base_url), self.ran)
        async with other.http:
            await other.register()
            seen = await other.ask("me", "GET", "/auth/me") if other.tokens else None
            if seen is None or not await self._do("suspend", other.email, seen["id"]):
                return
            await asyncio.sleep(1.2)  # the other worker hears of it within a second
            if await other.ask("me suspended", "GET", "/auth/me") is not None:
                self.ran.troubles.append("a suspended user is let in")
            await self._do("restore", other.email, seen["id"])

    async def _do(self, what: str, email: str, user_id: str) -> bool:
        """Whether it was acknowledged; whoever does not know signs in anew."""
        kind = {"suspend": "user.suspended", "restore": "user.restored"}[what]
        self.ran.tried[email, kind] += 1
        is_done = await self.ask(what, "POST", f"/auth/users/{user_id}/{what}") is not None
        self.ran.done[email, kind] += is_done
        self.tokens = self.tokens if is_done else {}
        return is_done
