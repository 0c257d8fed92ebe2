"""The rotation of secrets: what is encrypted at rest is encrypted anew, in batches that nobody feels."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Column
from sqlalchemy.schema import Table

from fam_auth.auth import Auth
from fam_auth.models import KERNEL
from fam_auth.repository.data_access.queries import rekeying as queries

BATCH = 500


class Rekeyed(NamedTuple):
    """How many values of a column were encrypted anew, and how many rest on older secrets still (digests)."""

    column: str
    encrypted: str
    left: str


async def rekey(auth: Auth, tell: Callable[[str], None] = lambda _: None) -> list[Rekeyed]:
    """Everything that is encrypted is encrypted with the newest secret. `tell` hears of each batch."""
    done = []
    for column in _secret(auth):
        name, count = f"{column.table.name}.{column.name}", 0
        while column.info.get("sealed") and (batch := await _rekey_some(auth, column)):
            count += batch
            tell(f"{name}: {count}")
        left = await auth.database.row(queries.count_older(column, [auth.keys.version]))
        done.append(Rekeyed(name, str(count), str(left[0] if left else 0)))
    return done


async def lost(auth: Auth) -> list[str]:
    """The columns with values of secrets that are not in force any more: nobody can use or read those."""
    found = []
    for column in _secret(auth):
        left = await auth.database.row(queries.count_older(column, auth.keys.versions))
        if left and left[0]:
            found.append(
                f"{left[0]} values of {column.table.name}.{column.name} need a secret that is not in FAM_AUTH_SECRETS"
            )
    return found


async def _rekey_some(auth: Auth, column: Column[str]) -> int:
    """One batch, a row at a time: who changes a row meanwhile keeps their change.

    What rests on a secret that is not in force any more stays as it is, and ends nothing (`lost` tells of it).
    """
    older = [version for version in auth.keys.versions if version != auth.keys.version]
    rows = await auth.database.rows(queries.resting(column, older, BATCH))
    for row in rows:
        place = f"{column.table.name}|{row.id}|{column.name}"
        anew = auth.keys.encrypt(place, auth.keys.decrypt(place, row.value))
        await auth.database.rows(queries.replace(column, row.id, row.value, anew))
    return len(rows)


def _secret(auth: Auth) -> list[Column[str]]:
    models = [*KERNEL, *(model for feature in auth.features for model in feature.models)]
    tables = [model.__table__ for model in models if isinstance(model.__table__, Table)]
    return [column for table in tables for column in table.columns if column.info.get("versioned")]
