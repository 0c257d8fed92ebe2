"""The password: register, sign in."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from fastapi import APIRouter

from fam_auth.core.settings import Settings
from fam_auth.features.password.models import PasswordHash
from fam_auth.features.password.routers import router, token_router
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.models import Base

__all__ = ["Password"]


class Password(PasswordSettings):
    """Sign in with a password; add it to Auth(features=[...])."""

    models: ClassVar[tuple[type[Base], ...]] = (PasswordHash,)
    ways: ClassVar[tuple[str, ...]] = ("password",)
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"

    def routers(self, settings: Settings) -> Sequence[APIRouter]:
        return (router, token_router) if settings.token_route else (router,)
