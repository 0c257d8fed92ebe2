"""Two-factor authentication: authenticator apps (TOTP), recovery codes, codes by mail."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth.auth import Auth
from fam_auth.core.settings import Settings
from fam_auth.events import EmailChangeUndone, Event, UserClaimed
from fam_auth.feature import Pages
from fam_auth.features.otp import managers, queries
from fam_auth.features.otp.models import EmailCode, OtpDevice, RecoveryCode, TrustedBrowser
from fam_auth.features.otp.settings import ENROL, OtpSettings
from fam_auth.models import Base
from fam_auth.pipeline import Offer, Progress, Step
from fam_auth.values import Actor

BY_MAIL = {"magic_link"}
ENROL_FIRST = Step(ENROL, {"methods": [{"method": "totp"}]})


class Otp(OtpSettings):
    """Two-factor authentication; add it to Auth(features=[...]). Requires the extra `otp`."""

    models: ClassVar[tuple[type[Base], ...]] = (OtpDevice, RecoveryCode, EmailCode, TrustedBrowser)
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"
    mails: ClassVar[Path | None] = Path(__file__).parent / "mails"
    languages: ClassVar[Path | None] = Path(__file__).parent / "languages"

    def routers(self, settings: Settings) -> Sequence[APIRouter]:
        from fam_auth.features.otp import routers  # noqa: PLC0415 - commands and workers do not wait for routes they lack

        return (routers.router, routers.admin_router, *([routers.email_router] if self.email_code else []))

    def pages(self, settings: Settings) -> Pages | None:
        from fam_auth.features.otp import pages  # noqa: PLC0415 - who has no pages does not wait for their import

        return pages.brought(email_code=self.email_code)

    async def offers(self, auth: Auth, db: AsyncSession, progress: Progress) -> Sequence[Offer]:
        user, given = progress.user, {proof.method for proof in progress.proofs}
        held = await managers.standing(auth, user.id, db)
        if not held.devices:
            # Never offered beside an authenticator: the mailbox would bypass it. Nor after a sign-in by mail: that
            # would be the same factor twice.
            by_mail = self.email_code and user.email_verified and not BY_MAIL & given
            return [Offer("email_code", by_mail, detail={"hint": _hint(user.email)})]
        # A step-up always requires the factor, even in a trusted browser.
        if self.remember_browser and progress.steps_up is None and await managers.is_trusted(auth, db, progress):
            return []
        # If this login has just consumed the last recovery code, that factor still counts.
        is_usable = held.recovery_codes > 0 or "recovery_code" in given
        return [Offer("totp"), Offer("recovery_code", is_usable, detail={"remaining": held.recovery_codes})]

    async def step(self, auth: Auth, db: AsyncSession, progress: Progress) -> Step | None:
        if not await managers.is_required(auth, db, progress.user):
            return None
        return None if (await managers.standing(auth, progress.user.id, db)).devices else ENROL_FIRST

    async def heard(self, auth: Auth, db: AsyncSession, event: Event, subject: UUID | None) -> None:
        actor = Actor(event.client, event.actor_id)
        if event.user_id is None:
            if event.extends_rights:
                await managers.end_all_of_before(auth, db, actor)
        elif isinstance(event, UserClaimed):
            for statement in queries.forget(event.user_id):
                await db.execute(statement)
        elif event.extends_rights:
            await managers.end_those_of_before(auth, db, event.user_id, actor)
        elif event.changes_credentials:
            await db.execute(queries.distrust(event.user_id))
            # An attacker who changed the address may also have added a factor, which would lock the owner out.
            if isinstance(event, EmailChangeUndone):
                await managers.forget_since(db, event.user_id, datetime.fromisoformat(event.detail["since"]))


def _hint(email: str) -> str:
    """The address, shortened so that only its owner recognizes it."""
    local, _, domain = email.partition("@")
    return f"{local[0]}***@{domain}"
