"""Posting to an endpoint: to the address that was looked at, and nowhere else (S-099)."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from fam_auth.exceptions import Misconfigured
from fam_auth.repository.data_access.managers.event_jobs import ErrandFailed

try:
    import httpx2
except ImportError as error:  # pragma: no cover - where the extra is missing; tried on the wheel, in the slow group
    raise Misconfigured(
        f"The feature webhook requires {error.name}, which is not installed. Install fam-auth[webhook]."
    ) from error

NAT64 = IPv6Network("64:ff9b::/96")
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Carrier:
    """Posts bodies. `private` allows private addresses; `ca_file` None takes the certificates of the system."""

    private: bool
    timeout: timedelta
    ca_file: Path | None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """The endpoint has answered with success. Raises ErrandFailed; a redirection is no success."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                status = await self._post(httpx2.URL(url), headers, body)
        except TimeoutError as error:
            raise ErrandFailed(f"no response within {self.timeout.total_seconds():g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            raise ErrandFailed(f"request failed ({type(error).__name__})") from error
        if not httpx2.codes.is_success(status):
            raise ErrandFailed(f"HTTP {status}")

    async def _post(self, url: httpx2.URL, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; its body is not read. Of several addresses the first that can be reached counts."""
        found = await addresses(url.host, url.port or PORTS[url.scheme], private=self.private)
        own = {**headers, "Host": url.netloc.decode()}
        tls = ssl.create_default_context(cafile=self.ca_file)
        # Neither a proxy from the environment nor a cookie, and no connection that is kept for somebody else.
        async with httpx2.AsyncClient(verify=tls, trust_env=False, timeout=None) as client:
            for left, address in enumerate(found, 1 - len(found)):
                there = url.copy_with(host=address)
                try:
                    # The certificate is the one of the name, whatever number is called.
                    options = {"sni_hostname": url.host}
                    async with client.stream("POST", there, headers=own, content=body, extensions=options) as answer:
                        return answer.status_code
                except httpx2.ConnectError:
                    if not left:
                        raise
        raise ErrandFailed("the host name has no address")


async def addresses(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a name. Raises ErrandFailed when one of them is not public, unless private ones are allowed."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    numbers = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not private and not all(is_public(ip_address(number.partition("%")[0])) for number in numbers):
        raise ErrandFailed("the address is private, which FAM_AUTH_WEBHOOK__PRIVATE_ADDRESSES does not allow")
    return numbers


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is an address of the open internet, and every address that it stands for is, too."""
    return all(one.is_global and not one.is_multicast for one in (address, *_within(address)))


def _within(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to by translation or through a tunnel."""
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
        yield from (one for one in inner if one is not None)
