"""Fetches a range from the API over HTTP, with bounds on time and size.

The host comes from the settings alone: no redirect is followed and no proxy of the environment is used. Private
addresses are allowed, because an operator may run a mirror; the certificate is checked for the name.
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
"""Maximum bytes of a response: a range has about 1,300 lines of 40 bytes."""
# Padding, so that the length of a response does not reveal the range. No compression: a small body could expand without
# bound.
HEADERS = {"User-Agent": "fam-auth", "Accept": "text/plain", "Accept-Encoding": "identity", "Add-Padding": "true"}


class Carrier:
    """Fetches ranges from below `url`, each within `timeout`."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url, self._timeout = url, timeout.total_seconds()
        self._trusted: ssl.SSLContext | None = None

    async def fetch(self, beginning: str) -> bytes:
        """The response for this prefix. Raises Unanswered, after `timeout` at the latest."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._fetch(httpx2.Request("GET", f"{self._url}/{beginning}", headers=HEADERS))
        except TimeoutError as error:
            raise Unanswered(f"no response within {self._timeout:g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Unanswered(f"request failed ({type(error).__name__})") from error

    async def _fetch(self, request: httpx2.Request) -> bytes:
        """The body. Uses the transport directly: a client would write the URL, with the prefix, into the log."""
        if self._trusted is None:  # reading the system's certificates takes 20 ms
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
