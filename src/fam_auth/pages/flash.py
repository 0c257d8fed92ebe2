"""What one page leaves for the next: a sealed cookie that says what was done, or which mailbox to look into.

No table knows of it, and no address of a page names an e-mail address.
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
    """The next page finds these values under this name."""
    sealed = auth.keys.seal_token(f"note {name}", json.dumps(values).encode())
    set_cookie(auth, response, name, sealed, SECONDS[name])


def found(auth: Auth, connection: HTTPConnection, name: str) -> dict[str, str] | None:
    """What was left under this name; None when nothing was, or somebody else wrote it."""
    cookie = connection.cookies.get(cookie_name(auth, name))
    payload = None if cookie is None else auth.keys.open_token(f"note {name}", cookie)
    if payload is None:
        return None
    values: dict[str, str] = json.loads(payload)
    return values


def drop(auth: Auth, response: Response, name: str) -> None:
    """It is there no more."""
    forget_cookie(auth, response, name)
