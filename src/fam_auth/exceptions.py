"""Every exception of fam-auth, as one tree.

FamAuthError
├── Misconfigured                   at startup: a setting is wrong; the message names it and the remedy
└── Refusal                         in a request: becomes an RFC 9457 problem with a stable code
    ├── InvalidRequest         422  invalid_request
    ├── PayloadTooLarge        413  payload_too_large
    ├── UnsupportedMediaType   415  unsupported_media_type
    ├── UnknownHost            400  unknown_host
    ├── InvalidToken           400  invalid_token            a one-time link: unknown, used or expired
    ├── InvalidCode            400  invalid_code             a short code: wrong, used, expired or tried too often
    ├── Unauthenticated        401  unauthenticated
    │   ├── InvalidCredentials      invalid_credentials
    │   ├── InvalidLoginToken       invalid_login_token
    │   ├── InvalidRefreshToken     invalid_refresh_token
    │   ├── SecondFactorRequired    second_factor_required
    │   └── StepUpRequired          step_up_required
    ├── Forbidden              403  forbidden
    │   ├── CrossSite               cross_site
    │   └── PasswordRequired        password_required        a link alone does not tell which registration it verifies
    ├── NotFound               404  not_found
    │   └── NoLogin                 no_login
    ├── TooManyAttempts        429  too_many_attempts
    ├── InternalError          500  internal_error
    └── Unavailable            503  unavailable
        ├── Busy                    busy
        └── Conflict                conflict                 a serialization failure that outlived its retries
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar


class FamAuthError(Exception):
    """Base class of every exception that this package raises."""


class Misconfigured(FamAuthError):
    """The configuration is unsafe or cannot work. Raised at startup, never during a request."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text of the message files, by its key, with the values of its placeholders.

    `default` is used when no file has the key. Without a default, a missing key is a KeyError.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    default: str = ""


Said = Message
"""The former name of `Message`, deprecated."""


class Refusal(FamAuthError):
    """The request is answered with a problem (RFC 9457).

    `detail` is for people: a string is sent unchanged, a `Message` is translated, and None uses the text
    `problems.<code>` of the message files. `code` is for programs and never changes.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | Message | None = None, *, retry_after: timedelta | None = None) -> None:
        self.detail = detail or Message(f"problems.{self.code}", default=self.title)
        self.retry_after = retry_after
        super().__init__(f"{self.title} ({detail.key})" if isinstance(detail, Message) else detail or self.title)

    def headers(self) -> dict[str, str]:
        """Headers to add to the response. `Retry-After` is in whole seconds, rounded up, at least 1."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, -(-self.retry_after // timedelta(seconds=1))))}

    def members(self) -> dict[str, Any]:
        """Extension members of the problem (RFC 9457, 3.2)."""
        return {}


class InvalidRequest(Refusal):
    """The body, path or query is invalid; `errors` lists each field and what is wrong with it.

    The `message` of an error is a string or a `Message`. Without one, it is the text `errors.<code>` of the message
    files.
    """

    status, code, title = 422, "invalid_request", "The request is not valid."

    def __init__(self, errors: Sequence[Mapping[str, Any]], detail: str | Message | None = None) -> None:
        super().__init__(detail)
        self.errors = [dict(error) for error in errors]

    @classmethod
    def of(cls, field: str, code: str, message: str | Message | None = None, **more: object) -> "InvalidRequest":
        """An InvalidRequest with one error in one field. Never pass the value: the response would repeat it."""
        message = message or Message(f"errors.{code}", more, default=code)
        return cls([{"field": field, "code": code, "message": message, **more}])

    def members(self) -> dict[str, Any]:
        return {"errors": self.errors}


class PayloadTooLarge(Refusal):
    """The body is larger than 64 kB."""

    status, code, title = 413, "payload_too_large", "The request body is larger than 64 kB."


class UnsupportedMediaType(Refusal):
    """The body is not JSON."""

    status, code, title = 415, "unsupported_media_type", "Send the request body as application/json."


class UnknownHost(Refusal):
    """The Host header names a host that is not one of the service's own."""

    status, code, title = 400, "unknown_host", "This service does not accept requests for this host name."


class InvalidToken(Refusal):
    """The one-time token is unknown, used, expired, or replaced by a newer one."""

    status, code, title = 400, "invalid_token", "This link is invalid or has expired. Request a new one."


class InvalidCode(Refusal):
    """The short code is wrong, used or expired, or too many codes were tried."""

    status, code, title = 400, "invalid_code", "This code is invalid or has expired. Check it or request a new one."


class Unauthenticated(Refusal):
    """The request has no session, or its session has ended."""

    status, code, title = 401, "unauthenticated", "Sign in first."

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": "Bearer"}


class InvalidCredentials(Unauthenticated):
    """The address or the password is wrong. The response does not tell which, so that addresses cannot be guessed."""

    code, title = "invalid_credentials", "Incorrect email address or password."


class InvalidLoginToken(Unauthenticated):
    """The login in progress is unknown, finished or expired."""

    code, title = "invalid_login_token", "This sign-in has expired or is already complete. Start again."


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown or used, or its session has ended."""

    code, title = "invalid_refresh_token", "Your session has ended. Sign in again."


class SecondFactorRequired(Unauthenticated):
    """The account requires a second factor, which the OAuth2 password form cannot ask for."""

    code, title = "second_factor_required", "This account needs more than a password to sign in. Use POST /login."


class StepUpRequired(Unauthenticated):
    """The session is valid, but the route requires a more recent or stronger sign-in (RFC 9470)."""

    code, title = "step_up_required", "Confirm your identity to continue."

    def __init__(self, *, assurance: str, within: timedelta | None) -> None:
        super().__init__()
        self.assurance = assurance
        self.within = within

    def headers(self) -> dict[str, str]:
        challenge = f'Bearer error="insufficient_user_authentication", acr_values="{self.assurance}"'
        age = "" if self.within is None else f', max_age="{self.within // timedelta(seconds=1)}"'
        return {"WWW-Authenticate": challenge + age}

    def members(self) -> dict[str, Any]:
        max_age = None if self.within is None else self.within // timedelta(seconds=1)
        return {"lacking": {"assurance": self.assurance, "max_age": max_age}}


class Forbidden(Refusal):
    """The request is not allowed. `lacking` names the missing role or permission, if the user may know it."""

    status, code, title = 403, "forbidden", "You do not have permission to do this."

    def __init__(self, detail: str | Message | None = None, *, lacking: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.lacking = lacking

    def members(self) -> dict[str, Any]:
        return {} if self.lacking is None else {"lacking": dict(self.lacking)}


class CrossSite(Forbidden):
    """A page of another site sent the request (cross-site request forgery)."""

    code, title = "cross_site", "This request came from another site and was blocked."


class PasswordRequired(Forbidden):
    """Verifying the address requires the password of the registration, or its token.

    The mail alone only shows who owns the mailbox, not who registered.
    """

    code, title = "password_required", "To verify this address, enter the password that you registered with."


class NotFound(Refusal):
    """The resource does not exist, or it belongs to another user."""

    status, code, title = 404, "not_found", "Not found."


class NoLogin(NotFound):
    """The request has no login in progress."""

    code, title = "no_login", "No sign-in is in progress."


class TooManyAttempts(Refusal):
    """The rate limit is exceeded. `Retry-After` says when the next attempt is allowed."""

    status, code, title = 429, "too_many_attempts", "Too many attempts. Wait before you try again."


class InternalError(Refusal):
    """An unexpected error. The log has its traceback under the request id."""

    status, code, title = 500, "internal_error", "Something went wrong on our end."


class Unavailable(Refusal):
    """The database, or another part, did not answer in time. A later attempt may succeed."""

    status, code, title = 503, "unavailable", "The service is temporarily unavailable. Try again in a moment."

    def __init__(self, detail: str | Message | None = None, *, retry_after: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(detail, retry_after=retry_after)


class Busy(Unavailable):
    """Too many passwords are waiting to be hashed."""

    code, title = "busy", "Too many people are signing in right now. Try again in a moment."


class Conflict(Unavailable):
    """The database rolled this transaction back in favour of another, on every retry (SQLSTATE 40001, 40P01)."""

    code, title = "conflict", "Another request changed the same data. Try again."
