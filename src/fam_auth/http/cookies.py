"""Setting and deleting cookies."""

from datetime import timedelta

from fastapi import Response

from fam_auth.auth import Auth
from fam_auth.http.credentials import DEVICE_COOKIE, LOGIN_COOKIE, REGISTRATION_COOKIE, SESSION_COOKIE, cookie_name
from fam_auth.pipeline import Complete, Incomplete, Outcome


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


def set_login_cookies(auth: Auth, response: Response, outcome: Outcome) -> None:
    """The browser keeps what a step of a login gives it; with the bearer transport nothing is set."""
    if isinstance(outcome, Incomplete):
        _set_login(auth, response, outcome)
    elif outcome.cookie is not None:
        _set_session(auth, response, outcome, outcome.cookie)


def _set_login(auth: Auth, response: Response, outcome: Incomplete) -> None:
    if outcome.transport == "cookie":
        seconds = int((outcome.expires_at - auth.now()).total_seconds())
        set_cookie(auth, response, LOGIN_COOKIE, outcome.login_token, seconds)


def _set_session(auth: Auth, response: Response, outcome: Complete, cookie: str) -> None:
    known = auth.settings.device_lifetime // timedelta(seconds=1)
    set_cookie(auth, response, DEVICE_COOKIE, outcome.device_token, known)
    seconds = int((outcome.session.expires_at - auth.now()).total_seconds())
    set_cookie(auth, response, SESSION_COOKIE, cookie, seconds)
    forget_cookie(auth, response, LOGIN_COOKIE)
