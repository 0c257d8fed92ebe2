"""Passwords: register, sign in, change the password, reset it."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.settings import Settings
from fam_auth.events import EmailChangeUndone, EmailVerified, Event, UserClaimed, UserRegistrationDisowned
from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Pages
from fam_auth.features.password import changes, imported_hashes, managers, queries
from fam_auth.features.password.breached import Breached
from fam_auth.features.password.changes import CHANGE, RESET
from fam_auth.features.password.events import PasswordResetRequested
from fam_auth.features.password.managers import METHOD
from fam_auth.features.password.models import PasswordHash, RegisteredPassword
from fam_auth.features.password.settings import PasswordSettings
from fam_auth.models import Base
from fam_auth.pipeline import Progress, Step

# After these the password is removed: somebody other than the owner of the mailbox may have set it.
WORTHLESS_AFTER = (EmailChangeUndone, UserClaimed)


class Password(PasswordSettings):
    """Sign in with a password; add it to Auth(features=[...])."""

    models: ClassVar[tuple[type[Base], ...]] = (PasswordHash, RegisteredPassword)
    ways: ClassVar[tuple[str, ...]] = ("password",)
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"
    languages: ClassVar[Path | None] = Path(__file__).parent / "languages"

    def of(self, auth: Auth) -> Self:
        if self.breached_url is not None:
            if self.breached_url.startswith("http:") and not auth.settings.is_development:
                raise Misconfigured(
                    "FAM_AUTH_PASSWORD__BREACHED_URL uses plain HTTP, which others can read. Use https."
                )
            from fam_auth.features.password.carrier import Carrier  # noqa: PLC0415 - who asks nobody needs no client

            self._breached = Breached(Carrier(self.breached_url, self.breached_timeout).fetch)
        return super().of(auth)

    async def start(self, auth: Auth) -> None:
        if not imported_hashes.HAS_BCRYPT and await auth.database.row(queries.of_bcrypt()) is not None:
            raise Misconfigured(
                "Imported users have bcrypt hashes, but bcrypt is not installed. Install fam-auth[adopt]."
            )

    async def step(self, auth: Auth, db: AsyncSession, progress: Progress) -> Step | None:
        by_password = any(proof.method == METHOD for proof in progress.proofs)
        demanded = [name for name in (RESET, CHANGE) if name in progress.user.demands]
        return Step(demanded[0]) if by_password and demanded else None

    async def heard(self, auth: Auth, db: AsyncSession, event: Event, subject: UUID | None) -> None:
        if event.user_id is None:
            return
        if isinstance(event, PasswordResetRequested):
            await changes.send_reset(auth, db, event.user_id, event.client)
        elif isinstance(event, WORTHLESS_AFTER):
            await db.execute(queries.remove(event.user_id))
        elif subject is not None and isinstance(event, EmailVerified):
            await db.execute(queries.bring_into_force(event.user_id, subject, auth.now()))
        elif isinstance(event, UserRegistrationDisowned) and event.detail["was_first"]:
            await db.execute(queries.remove(event.user_id))

    async def registration_of(self, auth: Auth, user_id: UUID, password: str) -> UUID | None:
        return await managers.registration_of(auth, user_id, password)

    def routers(self, settings: Settings) -> Sequence[APIRouter]:
        from fam_auth.features.password import routers  # noqa: PLC0415 - commands and workers do not wait for routes they lack

        fields = None if self._auth is None else self._auth.registration
        shown = (routers.register_router(fields), routers.router, routers.change_router, routers.admin_router)
        return (*shown, routers.token_router) if settings.token_route else shown

    def pages(self, settings: Settings) -> Pages | None:
        from fam_auth.features.password import pages  # noqa: PLC0415 - who has no pages does not wait for their import

        return pages.PAGES
