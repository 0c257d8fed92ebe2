"""The export of everything stored about one user."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from fam_auth.auth import Auth
from fam_auth.core.database import retried
from fam_auth.events import UserExported
from fam_auth.models import KERNEL, User
from fam_auth.repository.data_access.managers import events, permits
from fam_auth.repository.data_access.queries import exports as queries
from fam_auth.values import Actor


@retried
async def of_user(auth: Auth, user_id: UUID, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """The user's rows by table, ready for JSON; the audit log records who exported them. Raises NotFound and Forbidden.

    Secret columns are left out, and so are the addresses and user agents of administrators.
    """
    models = [*KERNEL, *(model for feature in auth.features for model in feature.models)]
    theirs = [model for model in models if model is User or "user_id" in model.__table__.columns]
    found = {}
    exported = UserExported(at=auth.now(), user_id=user_id, actor_id=actor.user_id, client=actor.client)
    async with auth.transaction() as db:
        await permits.obtain(auth, db, exported, actor)
        for model in theirs:
            rows = (await db.execute(queries.of_user(model.__table__, user_id))).all()
            found[model.__tablename__] = [_plain(row) for row in rows]
        await events.record(auth, db, exported)
    return found


def _plain(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
