"""The rotation of secrets: encrypts stored values again with the newest secret, in small batches."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Column
from sqlalchemy.schema import Table

from fam_auth.auth import Auth
from fam_auth.models import KERNEL
from fam_auth.repository.data_access.queries import rekeying as queries

BATCH = 500


class Rekeyed(NamedTuple):
    """Per column: values encrypted again, and values that still use older secrets (digests cannot be converted)."""

    column: str
    encrypted: str
    left: str


async def rekey(auth: Auth, tell: Callable[[str], None] = lambda _: None) -> list[Rekeyed]:
    """Encrypts every encrypted value with the newest secret. Calls `tell` with the progress after each batch."""
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
    """One finding per column with values of secrets that are no longer configured: they cannot be used or read."""
    found = []
    for column in _secret(auth):
        left = await auth.database.row(queries.count_older(column, auth.keys.versions))
        if left and left[0]:
            found.append(
                f"{left[0]} values of {column.table.name}.{column.name} need a secret that is not in FAM_AUTH_SECRETS"
            )
    return found


async def _rekey_some(auth: Auth, column: Column[str]) -> int:
    """One batch, row by row, each only if its value is still the one read: a concurrent change wins.

    Skips values of secrets that are no longer configured (`lost` reports them).
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
