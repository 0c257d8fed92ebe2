"""The canonical form of hosts and origins. Always compare these forms.

A host is in A-labels (UTS 46, RFC 5891) and lower case, without a trailing dot. A port is omitted if it is the default
of the scheme.
"""

import re
from ipaddress import IPv6Address, ip_address

import idna

PORTS = {"http": 80, "https": 443}
LAST_PORT = 65535
LONGEST = 253  # RFC 1035; encoding takes quadratic time, so a longer name is a denial of service
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
AUTHORITY = r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s/?#@:\\\[\]%]+)(?::(?P<port>[0-9]{0,5}))?"
HOST = re.compile(AUTHORITY)
URL = re.compile(rf"(?P<scheme>[hH][tT][tT][pP][sS]?)://{AUTHORITY}(?P<rest>[/?#].*)?", re.DOTALL)


def canonical(host: str) -> str | None:
    """The canonical form of a host, given with or without brackets; None for an invalid one."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host.removesuffix(".")
    if not bare or len(bare) > LONGEST:
        return None
    if ":" in bare:
        return _ipv6(bare)
    try:
        # ASCII names are not passed to idna, which refuses the underscores of some internal host names.
        name = bare.lower() if bare.isascii() else idna.encode(bare, uts46=True).decode().lower()
    except idna.IDNAError:
        return None
    return name if NAME.fullmatch(name) else None


def named(header: str) -> str | None:
    """The host in a Host header, without its port; None if the header is invalid."""
    found = HOST.fullmatch(header)
    return canonical(found["host"]) if found else None


def origin(text: str) -> str | None:
    """The canonical form of an http or https origin (RFC 6454); None for anything else, such as a URL with a path."""
    parts = split(text)
    return parts[0] if parts and not parts[1] else None


def split(url: str) -> tuple[str, str] | None:
    """The origin of an http or https URL, and the rest of the URL. None for other URLs, and for a URL with a user."""
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
    """Decode a header as UTF-8. ASGI frameworks decode headers as Latin-1."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


def readable(host: str) -> str:
    """The host in Unicode, for display: `münchen.example`. A host without A-labels is unchanged."""
    try:
        return idna.decode(host) if "xn--" in host else host
    except idna.IDNAError:
        return host


def behind_at(host: str) -> str:
    """The host as the domain of an e-mail address, where IP addresses are in brackets (RFC 5321, 4.1.3)."""
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
