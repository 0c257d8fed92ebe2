"""fam-auth on its own: `fam_auth.main:app`, configured by FAM_AUTH_* variables."""

from fastapi import FastAPI

from fam_auth.auth import Auth
from fam_auth.core import logs
from fam_auth.core.routers import install


def create(auth: Auth) -> FastAPI:
    """The service: nothing but the routes of `auth`; its documentation only where the settings allow it."""
    docs = auth.settings.api_docs
    service = FastAPI(
        title=auth.settings.app_name,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
    )
    install(service, auth)
    return service


_auth = Auth()
logs.configure(readable=_auth.settings.is_development)
app = create(_auth)
