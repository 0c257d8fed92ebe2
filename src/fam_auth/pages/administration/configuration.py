"""The configuration page: the settings in effect, and the findings of `fam-auth doctor`. Read-only."""

from fastapi import Response

from fam_auth.core.settings_list import described
from fam_auth.dependencies import needs
from fam_auth.pages.administration.admin_page import SEES_SERVICE, shows
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.route import new_router
from fam_auth.repository.data_access.managers import diagnosis

router = new_router()
# The share of a request's deadline that the checks may take. The rest is enough to render which one hangs.
PATIENCE = 0.6


@router.get("/admin/configuration", dependencies=[needs(SEES_SERVICE)])
async def configuration(page: CurrentPage) -> Response:
    """Show every setting with its value, secrets masked, and every finding."""
    owners = {"fam-auth": page.auth.settings, **{feature.name: feature for feature in page.auth.features}}
    settings = {name: described(owner) for name, owner in owners.items()}
    findings = await diagnosis.diagnosed(page.auth, page.auth.settings.request_deadline * PATIENCE)
    fine, advice = diagnosis.FINE, diagnosis.ADVICE
    return shows(
        page, "administration/configuration.html", settings=settings, findings=findings, fine=fine, advice=advice
    )
