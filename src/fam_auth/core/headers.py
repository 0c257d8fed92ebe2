"""Mail headers that every mail program reads in the same way.

The email package of Python decodes encoded words (RFC 2047) even where they are not allowed, and folds some names into
further addresses. So text is cleaned before it goes in, and the finished message is parsed again as a check.
"""

import unicodedata
from collections.abc import Mapping
from email import message_from_string
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parseaddr


def plain(text: str) -> str:
    """The text as one line without control characters and without encoded words."""
    line = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in {"Cc", "Cs"})
    return line.replace("=?", "= ?")


def mailbox(address: str, name: str = "") -> Address:
    """The address for a header. Raises ValueError for an address that no header may contain."""
    local, _, domain = address.rpartition("@")
    return Address(plain(name), local, domain)


def is_read_as(message: EmailMessage, expected: Mapping[str, str]) -> bool:
    """Whether parsing the message gives the same headers and no others, and for each header in `expected` this address.

    It is parsed strictly by the standard, and leniently as older programs do: an attacker needs only one that differs.
    """
    head = message.as_bytes().partition(b"\r\n\r\n")[0].decode()
    strict, lenient = message_from_string(head, policy=default), message_from_string(head)
    return strict.keys() == message.keys() and all(
        _addresses(strict[name]) == [address]
        and [found for _, found in getaddresses([lenient[name]])] == [address]
        and parseaddr(address)[1] == address
        for name, address in expected.items()
    )


def _addresses(header: object) -> list[str]:
    return [one.addr_spec for one in header.addresses] if isinstance(header, AddressHeader) else []
