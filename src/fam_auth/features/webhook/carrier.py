"""Posts to an endpoint, at exactly the address that was checked: this prevents SSRF by DNS rebinding."""

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
    """Posts bodies. `private` allows private addresses; `ca_file` None: the system's certificates."""

    private: bool
    timeout: timedelta
    ca_file: Path | None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Posts the body. Raises ErrandFailed unless the endpoint answers with 2xx; a redirect is not followed."""
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
        """The status of the response; its body is not read. Tries the addresses in turn until one can be reached."""
        found = await addresses(url.host, url.port or PORTS[url.scheme], private=self.private)
        own = {**headers, "Host": url.netloc.decode()}
        tls = ssl.create_default_context(cafile=self.ca_file)
        # A new client for each post: no proxy of the environment, no cookies, no connection shared between endpoints.
        async with httpx2.AsyncClient(verify=tls, trust_env=False, timeout=None) as client:
            for left, address in enumerate(found, 1 - len(found)):
                there = url.copy_with(host=address)
                try:
                    # Connects to the IP address, but checks the certificate for the name.
                    options = {"sni_hostname": url.host}
                    async with client.stream("POST", there, headers=own, content=body, extensions=options) as answer:
                        return answer.status_code
                except httpx2.ConnectError:
                    if not left:
                        raise
        raise ErrandFailed("the host name has no address")


async def addresses(host: str, port: int, *, private: bool) -> list[str]:
    """The IP addresses of a name. Raises ErrandFailed if one of them is not public, unless `private` allows that."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    numbers = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not private and not all(is_public(ip_address(number.partition("%")[0])) for number in numbers):
        raise ErrandFailed("the address is private, which FAM_AUTH_WEBHOOK__PRIVATE_ADDRESSES does not allow")
    return numbers


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is a public address, and so is every address that it embeds."""
    return all(one.is_global and not one.is_multicast for one in (address, *_within(address)))


def _within(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses embedded in an IPv6 address: mapped, 6to4, Teredo and NAT64."""
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
        yield from (one for one in inner if one is not None)
