"""Who sends a request: network address, user agent and language."""

import re

from starlette.requests import HTTPConnection

from fam_auth.core import forwarded
from fam_auth.http.installed import STATE, auth_of
from fam_auth.values import Client, Session, User

HIDDEN = re.compile(r"[^\x20-\x7e]")
"""What could write lines of its own into a log, or move the cursor of a terminal."""


def client_of(connection: HTTPConnection) -> Client:
    """Who sends the request. Forwarded addresses count only from trusted proxies, right to left."""
    agent = connection.headers.get("user-agent")
    shown = None if agent is None else HIDDEN.sub("?", agent[:400])
    asked = connection.headers.get("accept-language")
    language = None if asked is None else auth_of(connection).texts.choose(None, asked)
    return Client(_address(connection), shown, connection.scope.get("fam_auth.request_id"), language)


def language_of(connection: HTTPConnection) -> str:
    """The language to answer in: the one that the user has chosen, where it is known by now, else the browser's."""
    known: tuple[Session, User] | None = connection.scope.get(STATE)
    locale = None if known is None else known[1].locale
    return auth_of(connection).texts.choose(locale, connection.headers.get("accept-language"))


def _address(connection: HTTPConnection) -> str | None:
    """The first address, from the right, that is not one of our proxies; None when the socket has none."""
    peer, sent = connection.client, connection.headers.getlist("x-forwarded-for")
    # No connection comes from port 0: uvicorn sets it where it has taken the address from the header.
    if sent and peer is not None and peer.host and not peer.port:
        forwarded.warn(forwarded.REWRITTEN)
    found = forwarded.client(peer.host if peer else "", sent, auth_of(connection).settings.trusted_proxies)
    return None if found is None else str(found)
