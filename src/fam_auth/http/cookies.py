"""Setting and deleting cookies."""

from datetime import timedelta

from fastapi import Response

from fam_auth.auth import Auth
from fam_auth.http.credentials import REGISTRATION_COOKIE, cookie_name


def set_cookie(auth: Auth, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read (HttpOnly) and that forms of other sites do not send (SameSite=Lax)."""
    secure = auth.settings.secure_cookies
    response.set_cookie(cookie_name(auth, name), value, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def forget_cookie(auth: Auth, response: Response, name: str) -> None:
    """Delete the cookie in the browser."""
    response.delete_cookie(cookie_name(auth, name), path="/", secure=auth.settings.secure_cookies, httponly=True)


def keep_registration(auth: Auth, response: Response, token: str) -> None:
    """Store the registration token in a cookie, so that the same browser can verify the address by link alone.

    It expires with the unverified account.
    """
    seconds = auth.settings.unverified_lifetime // timedelta(seconds=1)
    set_cookie(auth, response, REGISTRATION_COOKIE, token, seconds)
