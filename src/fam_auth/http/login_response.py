"""Turning the outcome of a login into a response, with its cookies."""

from fastapi import Response

from fam_auth.auth import Auth
from fam_auth.http.cookies import set_login_cookies
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
    return _complete_answer(auth, response, outcome)


def incomplete_answer(auth: Auth, response: Response, outcome: Incomplete) -> IncompleteAnswer:
    """The remaining steps, and the login token for the next one: in the body, or in a cookie."""
    set_login_cookies(auth, response, outcome)
    return IncompleteAnswer(
        login_token=None if outcome.transport == "cookie" else outcome.login_token,
        expires_at=outcome.expires_at,
        next=[StepAnswer.model_validate({"step": step.name, **step.detail}) for step in outcome.next],
    )


def _complete_answer(auth: Auth, response: Response, outcome: Complete) -> CompleteAnswer:
    set_login_cookies(auth, response, outcome)
    return CompleteAnswer(
        user=UserAnswer.model_validate(outcome.user),
        session=SessionAnswer.model_validate(outcome.session),
        tokens=None if outcome.tokens is None else tokens_answer(outcome.tokens),
        device_token=None if outcome.cookie is not None else outcome.device_token,
    )


def tokens_answer(tokens: Tokens) -> TokensAnswer:
    """The tokens of a bearer client, as the response contains them."""
    return TokensAnswer(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
    )
