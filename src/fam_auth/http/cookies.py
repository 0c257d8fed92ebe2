"""The cookies that answers set."""

from datetime import timedelta

from fastapi import Response

from fam_auth.auth import Auth
from fam_auth.http.credentials import REGISTRATION_COOKIE, cookie_name


def set_cookie(auth: Auth, response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie no script reads and no other site's form sends."""
    secure = auth.settings.secure_cookies
    response.set_cookie(cookie_name(auth, name), value, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def forget_cookie(auth: Auth, response: Response, name: str) -> None:
    """The browser drops the cookie."""
    response.delete_cookie(cookie_name(auth, name), path="/", secure=auth.settings.secure_cookies, httponly=True)


def keep_registration(auth: Auth, response: Response, token: str) -> None:
    """The browser shows the token of its registration when the address is verified."""
    seconds = auth.settings.unverified_lifetime // timedelta(seconds=1)
    set_cookie(auth, response, REGISTRATION_COOKIE, token, seconds)
