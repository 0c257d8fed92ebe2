"""Turning the outcome of a login into a response, with its cookies."""

from datetime import timedelta

from fastapi import Response

from fam_auth.auth import Auth
from fam_auth.http.cookies import forget_cookie, set_cookie
from fam_auth.http.credentials import DEVICE_COOKIE, LOGIN_COOKIE, SESSION_COOKIE
from fam_auth.pipeline import Complete, Incomplete, Outcome
from fam_auth.schemas.login import CompleteAnswer, IncompleteAnswer, StepAnswer
from fam_auth.schemas.session import SessionAnswer, TokensAnswer
from fam_auth.schemas.user import UserAnswer
from fam_auth.values import Tokens


def login_answer(auth: Auth, response: Response, outcome: Outcome) -> CompleteAnswer | IncompleteAnswer:
    """The response body for a step of a login. Sets the cookies of the cookie transport.

    With cookies, the body contains no token, so that scripts never see one.
    """
    if isinstance(outcome, Incomplete):
        return incomplete_answer(auth, response, outcome)
    return _complete(auth, response, outcome)


def incomplete_answer(auth: Auth, response: Response, outcome: Incomplete) -> IncompleteAnswer:
    """The remaining steps, and the login token for the next one: in the body, or in a cookie."""
    by_cookie = outcome.transport == "cookie"
    if by_cookie:
        seconds = int((outcome.expires_at - auth.now()).total_seconds())
        set_cookie(auth, response, LOGIN_COOKIE, outcome.login_token, seconds)
    return IncompleteAnswer(
        login_token=None if by_cookie else outcome.login_token,
        expires_at=outcome.expires_at,
        next=[StepAnswer.model_validate({"step": step.name, **step.detail}) for step in outcome.next],
    )


def tokens_answer(tokens: Tokens) -> TokensAnswer:
    """The tokens of a bearer client, as the response contains them."""
    return TokensAnswer(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
    )


def _complete(auth: Auth, response: Response, outcome: Complete) -> CompleteAnswer:
    by_cookie = outcome.cookie is not None
    if outcome.cookie is not None:
        # The browser stays known longer than its session lasts.
        known = auth.settings.device_lifetime // timedelta(seconds=1)
        set_cookie(auth, response, DEVICE_COOKIE, outcome.device_token, known)
        seconds = int((outcome.session.expires_at - auth.now()).total_seconds())
        set_cookie(auth, response, SESSION_COOKIE, outcome.cookie, seconds)
        forget_cookie(auth, response, LOGIN_COOKIE)
    return CompleteAnswer(
        user=UserAnswer.model_validate(outcome.user),
        session=SessionAnswer.model_validate(outcome.session),
        tokens=None if outcome.tokens is None else tokens_answer(outcome.tokens),
        device_token=None if by_cookie else outcome.device_token,
    )
