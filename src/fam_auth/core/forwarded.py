"""The client address behind proxies: reading X-Forwarded-For, and detecting servers that rewrite it before we do."""

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal

from pydantic import IPvAnyNetwork, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from types import FrameType

UNIX: Literal["unix"] = "unix"
Address = IPv4Address | IPv6Address
Proxy = IPv4Network | IPv6Network | Literal["unix"]
# With a port (Azure), in brackets, or both. An IPv6 address with a port has brackets (RFC 3986).
WITH_PORT = re.compile(r"\[(?P<bracketed>[^\[\]]+)\](?::\d{1,5})?|(?P<plain>[\d.]+):\d{1,5}", re.ASCII)
UVICORN = "uvicorn.middleware.proxy_headers"
# Variables that make uvicorn, or its gunicorn worker, trust the header from more addresses than this machine.
BELIEVING = ("FORWARDED_ALLOW_IPS", "UVICORN_FORWARDED_ALLOW_IPS")
REMEDY = "start it with --no-proxy-headers, and list your proxies in FAM_AUTH_TRUSTED_PROXIES."
REWRITES = (
    "uvicorn replaces client addresses with X-Forwarded-For before fam-auth can check which proxy sent it. Every "
    "client that connects through this machine can then claim any address and evade the rate limits. To fix this, "
    f"{REMEDY}"
)
REWRITTEN = f"The server replaced the client address with one from X-Forwarded-For. To fix this, {REMEDY}"
UNREADABLE = (
    "X-Forwarded-For from a trusted proxy contains something other than an address, so all of its clients share the "
    "rate limits of one network. Make the proxy send addresses, with or without ports."
)
log = logging.getLogger("fam_auth")


def _proxy(value: object) -> Proxy:
    try:
        return UNIX if value == UNIX else TypeAdapter(IPvAnyNetwork).validate_python(value)
    except ValidationError as error:
        raise PydanticCustomError("proxy", "must be an IPv4 or IPv6 network, or the word unix") from error


IS_PROXY = PlainValidator(_proxy)


def address(text: str) -> Address | None:
    """The address in `text` without port, brackets and zone; None if there is none.

    An IPv4 address mapped into IPv6 becomes the IPv4 address, so that a client has one rate limit and not two.
    """
    found = WITH_PORT.fullmatch(text)
    plain = text if found is None else found["bracketed"] or found["plain"]
    try:
        # The zone is local to the proxy, so it must not distinguish two addresses.
        parsed = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def client(peer: str, forwarded: Sequence[str], trusted: Sequence[Proxy]) -> Address | None:
    """The first address from the right that is not a trusted proxy; None when there is none.

    `peer` is the other end of the connection, empty for a Unix socket; `forwarded` are the X-Forwarded-For headers.
    From an unreadable entry on, the header is ignored, and the proxy that sent it is the client.
    """
    found = address(peer)
    if found is None and (peer or UNIX not in trusted):
        return None
    hops = ",".join(forwarded).split(",") if forwarded else []
    while hops and (found is None or is_proxy(found, trusted)):
        further = address(hops.pop().strip())
        if further is None:
            warn(UNREADABLE)
            break
        found = further
    return found


def is_proxy(found: Address, trusted: Sequence[Proxy]) -> bool:
    """Whether the address is in one of the trusted networks."""
    return any(found in one for one in trusted if one != UNIX and one.version == found.version)


def is_rewriting() -> bool:
    """Whether uvicorn's proxy-headers middleware is active. Call it in the lifespan.

    An application cannot read uvicorn's configuration. But uvicorn calls the lifespan through the middleware, which is
    then on the call stack.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way to read the call stack
    while frame is not None:
        if frame.f_globals.get("__name__") == UVICORN:
            return True
        frame = frame.f_back
    return False


def advice() -> Iterator[str]:
    """Warnings about environment variables that make uvicorn rewrite addresses. Its arguments are not visible here."""
    for name in BELIEVING:
        if os.environ.get(name):
            yield f"{name} makes uvicorn rewrite client addresses before fam-auth reads them. Unset it, {REMEDY}"


@cache
def warn(message: str) -> None:
    """Log a warning, once per process and message."""
    log.warning(message)
