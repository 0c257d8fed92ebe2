"""Public routes for front ends (configuration) and load balancers (health)."""

from fam_auth.dependencies import CurrentAuth, needs
from fam_auth.exceptions import Unavailable
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import health
from fam_auth.schemas.config import Config, Health

router = new_router("service")


@router.get("/config", dependencies=[needs.public], responses=refuses())
async def get_config(auth: CurrentAuth) -> Config:
    """Get the public configuration: transports, links and the settings of each feature."""
    return Config(
        app_name=auth.settings.app_name,
        transports=list(auth.settings.transports),
        default_transport=auth.settings.transports[0],
        email_verification=auth.settings.email_verification,
        links=auth.settings.links.model_dump(),
        features={feature.name: dict(feature.public()) for feature in auth.features},
    )


@router.get("/health/live", dependencies=[needs.public], responses=refuses())
async def get_liveness() -> Health:
    """Liveness check: answers as long as the process runs."""
    return Health()


@router.get("/health/ready", dependencies=[needs.public], responses=refuses(Unavailable))
async def get_readiness(auth: CurrentAuth) -> Health:
    """Readiness check: answers 503 if the database does not respond, or the process is shutting down."""
    await health.ready(auth)
    return Health()
