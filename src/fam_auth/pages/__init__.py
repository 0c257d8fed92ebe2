"""The hosted pages: sign-in, account and administration in HTML, for applications without pages of their own.

They call the same managers as the routes, through the same login pipeline, and add no rules. This package knows only
the kernel; features build their own pages with the names exported here.
"""

from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.progress import go_on
from fam_auth.pages.route import new_router, shown_on

__all__ = ["CurrentPage", "Page", "form", "go_on", "new_router", "shown_on"]
