"""Deprecated: import these names from fam_auth.http.login_request and fam_auth.http.login_response."""

import warnings

from fam_auth.http.login_request import Arrival, MaybeLoginToken, SameSite
from fam_auth.http.login_response import login_answer

__all__ = ["Arrival", "MaybeLoginToken", "SameSite", "login_answer"]

warnings.warn(
    "fam_auth.routers.answers is deprecated: import from fam_auth.http.login_request and fam_auth.http.login_response",
    DeprecationWarning,
    stacklevel=2,
)
