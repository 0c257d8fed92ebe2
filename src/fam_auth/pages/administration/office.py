"""Deprecated: import these names from fam_auth.pages.administration.admin_page."""

import warnings

from fam_auth.pages.administration.admin_page import SEES_USERS, shows_user

__all__ = ["SEES_USERS", "shows_user"]

warnings.warn(
    "fam_auth.pages.administration.office is deprecated: import from fam_auth.pages.administration.admin_page",
    DeprecationWarning,
    stacklevel=2,
)
