"""The client of a request: network address, user agent and language."""

import re

from starlette.requests import HTTPConnection

from fam_auth.core import forwarded
from fam_auth.http.installed import STATE, auth_of
from fam_auth.values import Client, Session, User

HIDDEN = re.compile(r"[^\x20-\x7e]")
"""Everything but printable ASCII: control characters could forge log lines or move the cursor of a terminal."""


def client_of(connection: HTTPConnection) -> Client:
    """The client of a request. X-Forwarded-For is used only from trusted proxies, and read from right to left.

    The user agent is cut off after 400 characters.
    """
    agent = connection.headers.get("user-agent")
    shown = None if agent is None else HIDDEN.sub("?", agent[:400])
    asked = connection.headers.get("accept-language")
    language = None if asked is None else auth_of(connection).texts.choose(None, asked)
    return Client(_address(connection), shown, connection.scope.get("fam_auth.request_id"), language)


def language_of(connection: HTTPConnection) -> str:
    """The language of the response: the user's own if the session has been read already, else from Accept-Language."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    locale = None if known is None else known[1].locale
    return auth_of(connection).texts.choose(locale, connection.headers.get("accept-language"))


def _address(connection: HTTPConnection) -> str | None:
    """The first address from the right that is not a trusted proxy; None when the connection has no address.

    Addresses further left are whatever the client wrote into the header.
    """
    peer, sent = connection.client, connection.headers.getlist("x-forwarded-for")
    # No real connection comes from port 0: uvicorn sets it when it took the address from the header itself.
    if sent and peer is not None and peer.host and not peer.port:
        forwarded.warn(forwarded.REWRITTEN)
    found = forwarded.client(peer.host if peer else "", sent, auth_of(connection).settings.trusted_proxies)
    return None if found is None else str(found)
