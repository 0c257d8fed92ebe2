"""Headers of mails that every program reads alike.

The parsers below us decode encoded words (RFC 2047) even where they are none, and fold some names so that they become
further addresses: text is made plain before it goes in, and the finished message is read back.
"""

import unicodedata
from collections.abc import Mapping
from email import message_from_string
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parseaddr


def plain(text: str) -> str:
    """One line of visible characters, of which nothing is decoded to anything else."""
    line = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in {"Cc", "Cs"})
    return line.replace("=?", "= ?")


def mailbox(address: str, name: str = "") -> Address:
    """The address for a header. Raises ValueError for one that cannot stand in any."""
    local, _, domain = address.rpartition("@")
    return Address(plain(name), local, domain)


def is_read_as(message: EmailMessage, expected: Mapping[str, str]) -> bool:
    """Whether the message has the headers it was given and no further one, each of `expected` with this one address.

    It is read the way of the standard, and the way of programs that are older than it.
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
