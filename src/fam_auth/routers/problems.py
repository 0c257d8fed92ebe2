"""Deprecated: import these names from fam_auth.http.problems."""

import warnings

from fam_auth.http.problems import answer, refuses

__all__ = ["answer", "refuses"]

warnings.warn(
    "fam_auth.routers.problems is deprecated: import from fam_auth.http.problems", DeprecationWarning, stacklevel=2
)
