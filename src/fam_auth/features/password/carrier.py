"""Asking a range API over HTTP: five characters go out, and what comes back is bounded in time and in size.

The host is the one of the settings, no redirection is followed and no proxy of the environment taken (S-099). Where
the address lies does not matter: an operator may have a mirror, and the certificate is the one of the name.
"""

import asyncio
import ssl
from contextlib import aclosing
from datetime import timedelta

from fam_auth.exceptions import Misconfigured
from fam_auth.features.password.breached import Unanswered

try:
    import httpx2
except ImportError as error:  # pragma: no cover - where the extra is missing; tried on the wheel, in the slow group
    raise Misconfigured(
        f"FAM_AUTH_PASSWORD__BREACHED_URL requires {error.name}, which is not installed. Install fam-auth[webhook]."
    ) from error

LARGEST = 1_000_000
"""Bytes of an answer: a range has about 1,300 lines of 40."""
# Padding, so that the length of an answer does not tell which it is. Nothing compressed: that could grow without end.
HEADERS = {"User-Agent": "fam-auth", "Accept": "text/plain", "Accept-Encoding": "identity", "Add-Padding": "true"}


class Carrier:
    """Fetches ranges from below `url`, each within `timeout`."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url, self._timeout = url, timeout.total_seconds()
        self._trusted: ssl.SSLContext | None = None

    async def fetch(self, beginning: str) -> bytes:
        """The lines of the hashes that begin like this. Raises Unanswered, after `timeout` at the latest."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._fetch(httpx2.Request("GET", f"{self._url}/{beginning}", headers=HEADERS))
        except TimeoutError as error:
            raise Unanswered(f"no response within {self._timeout:g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Unanswered(f"request failed ({type(error).__name__})") from error

    async def _fetch(self, request: httpx2.Request) -> bytes:
        """The body. The transport is used by itself, for a client would write the address into the log."""
        if self._trusted is None:  # the certificates of the system, which take 20 ms to read
            self._trusted = await asyncio.to_thread(ssl.create_default_context)
        async with httpx2.AsyncHTTPTransport(verify=self._trusted, trust_env=False) as transport:
            answer = await transport.handle_async_request(request)
            if answer.status_code != httpx2.codes.OK:
                raise Unanswered(f"HTTP {answer.status_code}")
            body = b""
            async with aclosing(answer.aiter_raw()) as parts:
                async for part in parts:
                    body += part
                    if len(body) > LARGEST:
                        raise Unanswered(f"more than {LARGEST:,} bytes")
            return body
