"""Hosts and origins in the one form that decides whether two of them are the same.

A host is written in A-labels (UTS 46, RFC 5891) and lower case, without a dot at its end; a port is written unless it
is the one of the scheme. Whatever compares hosts compares these.
"""

import re
from ipaddress import IPv6Address, ip_address

import idna

PORTS = {"http": 80, "https": 443}
LAST_PORT = 65535
LONGEST = 253  # RFC 1035; to encode a longer one would take time that grows with its square
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
AUTHORITY = r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s/?#@:\\\[\]%]+)(?::(?P<port>[0-9]{0,5}))?"
HOST = re.compile(AUTHORITY)
URL = re.compile(rf"(?P<scheme>[hH][tT][tT][pP][sS]?)://{AUTHORITY}(?P<rest>[/?#].*)?", re.DOTALL)


def canonical(host: str) -> str | None:
    """The host, in or without brackets, as it is compared; None for what is none."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host.removesuffix(".")
    if not bare or len(bare) > LONGEST:
        return None
    if ":" in bare:
        return _ipv6(bare)
    try:
        # Names without other letters are taken as they are: machines have underscores in theirs.
        name = bare.lower() if bare.isascii() else idna.encode(bare, uts46=True).decode().lower()
    except idna.IDNAError:
        return None
    return name if NAME.fullmatch(name) else None


def named(header: str) -> str | None:
    """The host that a Host header names, whatever port follows; None where it names none."""
    found = HOST.fullmatch(header)
    return canonical(found["host"]) if found else None


def origin(text: str) -> str | None:
    """The origin (RFC 6454) as it is compared; None for what is more or less than one of http or https."""
    parts = split(text)
    return parts[0] if parts and not parts[1] else None


def split(url: str) -> tuple[str, str] | None:
    """The origin of an address of http or https and all that follows it; None for any other, or with a user name."""
    found = URL.fullmatch(url)
    host = canonical(found["host"]) if found else None
    if found is None or host is None:
        return None
    scheme = found["scheme"].lower()
    number = int(found["port"] or PORTS[scheme])
    if not 0 < number <= LAST_PORT:
        return None
    shown = f"[{host}]" if ":" in host else host
    own = f"{scheme}://{shown}" + ("" if number == PORTS[scheme] else f":{number}")
    return own, found["rest"] or ""


def decoded(header: str) -> str:
    """Decodes as UTF-8 a header that the server has decoded as Latin-1."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


def readable(host: str) -> str:
    """The host in the letters of its people, where it has such."""
    try:
        return idna.decode(host) if "xn--" in host else host
    except idna.IDNAError:
        return host


def behind_at(host: str) -> str:
    """What stands behind the @ of an address at this host: an IP address is in brackets there (RFC 5321, 4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if isinstance(address, IPv6Address) else f"[{address}]"


def _ipv6(text: str) -> str | None:
    try:
        return str(IPv6Address(text))
    except ValueError:
        return None
