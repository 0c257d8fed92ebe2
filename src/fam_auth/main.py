"""fam-auth on its own: `fam_auth.main:app`, configured by FAM_AUTH_* variables."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fam_auth.auth import Auth
from fam_auth.core import logs
from fam_auth.core.routers import install


class StrictTransport:
    """Tells browsers to come by https alone (RFC 6797). Only the service does: a host decides for itself."""

    HEADER = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self.HEADER]
            await send(message)

        await self.app(scope, receive, sending)


def create(auth: Auth) -> FastAPI:
    """The service: nothing but the routes and pages of `auth`; its documentation only where the settings allow it."""
    docs = auth.settings.api_docs
    service = FastAPI(
        title=auth.settings.app_name,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
    )
    install(service, auth, pages=auth.settings.pages and "cookie" in auth.settings.transports)
    if (auth.settings.public_url or "").startswith("https://"):
        service.add_middleware(StrictTransport)
    return service


_auth = Auth()
logs.configure(readable=_auth.settings.is_development)
app = create(_auth)
