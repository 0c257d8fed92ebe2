"""What the tables hold."""

import json

from sqlalchemy import select

from fam_auth.models import User
from tests.support.people import World


async def dump(world: World) -> str:
    """Everything that the tables hold, but for when sessions were last used."""
    tables = {table for table in User.metadata.tables.values() if table.name not in {"auth_change", "auth_attempt"}}
    found = {}
    for table in sorted(tables, key=lambda one: one.name):
        shown = [column for column in table.columns if column.name != "seen_at"]
        found[table.name] = sorted(str(row) for row in await world.auth.database.rows(select(*shown)))
    return json.dumps(found)
