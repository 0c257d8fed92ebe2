"""The hosted pages: what people see of fam-auth where the host has no pages of its own.

They call the managers that the routes call, through the same login pipeline, and add no rule of their own. This package
knows the kernel alone; features bring their pages and build them with what is here.
"""

from fam_auth.pages.forms import form
from fam_auth.pages.page import CurrentPage, Page
from fam_auth.pages.progress import go_on
from fam_auth.pages.route import new_router, shown_on

__all__ = ["CurrentPage", "Page", "form", "go_on", "new_router", "shown_on"]
