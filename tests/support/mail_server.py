"""A mail server that refuses what it is told to refuse, and takes its time where it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Post:
    """`refuses` and `waits` say which reply a command gets, and after how many seconds, by the command.

    The greeting is one of them. A recipient that begins with "slow" is answered when `released` is set.
    """

    def __init__(self) -> None:
        self.refuses: dict[str, str] = {}
        self.waits: dict[str, float] = {}
        self.got: list[str] = []
        self.held = 0
        self.goodbyes = 0
        self.released = asyncio.Event()

    def authenticate(self, *_: object) -> AuthResult:
        return AuthResult(success="AUTH" not in self.refuses, handled=False)

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, sender: str, ___: list[str]) -> str:  # noqa: N802
        envelope.mail_from = sender
        return await self._answer("MAIL")

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, recipient: str, ___: list[str]) -> str:  # noqa: N802
        if recipient.startswith("slow"):
            self.held += 1
            await self.released.wait()
        envelope.rcpt_tos.append(recipient)
        return await self._answer("RCPT")

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.extend(envelope.rcpt_tos)
        return await self._answer("DATA")

    async def handle_QUIT(self, *_: object) -> str:  # noqa: N802
        return await self._answer("QUIT", "221 Bye")

    async def _answer(self, command: str, usual: str = "250 OK") -> str:
        await asyncio.sleep(self.waits.get(command, 0))
        return self.refuses.get(command, usual)


class Wire(SMTP):
    """The protocol of one connection, which notes a QUIT as soon as it comes, also while another answer is due."""

    def data_received(self, data: bytes) -> None:
        self.event_handler.goodbyes += data == b"QUIT\r\n"
        super().data_received(data)

    async def push(self, status: Any) -> None:
        is_greeting = self.__ident__ in str(status)
        await super().push(self.event_handler.refuses.get("greeting", status) if is_greeting else status)


@asynccontextmanager
async def listening(post: Post) -> AsyncIterator[str]:
    """The server and its URL, with a name and a password."""

    def connected() -> Wire:
        return Wire(post, authenticator=post.authenticate, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    try:
        yield f"smtp://user:password@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
