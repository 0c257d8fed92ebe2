"""Flash messages: an encrypted cookie that tells the next page what was done, or which mailbox to check.

The cookie needs no table, and keeps e-mail addresses out of URLs.
"""

import json
from collections.abc import Mapping

from fastapi import Response
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.http.cookies import forget_cookie, set_cookie
from fam_auth.http.credentials import cookie_name

DONE, MAILBOX = "fam_done", "fam_mailbox"
SECONDS = {DONE: 60, MAILBOX: 3600}


def leave(auth: Auth, response: Response, name: str, values: Mapping[str, str]) -> None:
    """Store values for the next page in a cookie. `name` is DONE (for a minute) or MAILBOX (for an hour)."""
    sealed = auth.keys.seal_token(f"note {name}", json.dumps(values).encode())
    set_cookie(auth, response, name, sealed, SECONDS[name])


def found(auth: Auth, connection: HTTPConnection, name: str) -> dict[str, str] | None:
    """The stored values; None without the cookie, or if it was not written by us."""
    cookie = connection.cookies.get(cookie_name(auth, name))
    payload = None if cookie is None else auth.keys.open_token(f"note {name}", cookie)
    if payload is None:
        return None
    values: dict[str, str] = json.loads(payload)
    return values


def drop(auth: Auth, response: Response, name: str) -> None:
    """Delete the cookie."""
    forget_cookie(auth, response, name)
