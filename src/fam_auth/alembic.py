"""For a host's own Alembic environment: `alembic revision --autogenerate` proposes nothing of ours.

On PostgreSQL with Alembic's defaults nothing is needed, as our tables stand in a schema of their own. On SQLite they
share the file, and autogenerate would **drop** them: there, and with `include_schemas=True`, env.py needs two lines.

    from fam_auth.alembic import include_object

    context.configure(..., include_object=include_object)

`include_name` is for hosts with many schemas: it keeps ours from being read at all. Under another schema than
`fam_auth` (FAM_AUTH_DB_SCHEMA) give both its name: `partial(include_object, schema="other")`.
"""

from collections.abc import Iterable, MutableMapping
from itertools import chain

from alembic import context
from sqlalchemy import ForeignKeyConstraint, MetaData, Table, inspect
from sqlalchemy.schema import SchemaItem

from fam_auth.core.database import SCHEMA

# How our tables, and the ones that count our migrations, begin where no schema tells them apart.
PREFIXES = ("auth_", "version_")


def include_object(  # noqa: PLR0913 - Alembic's signature
    item: SchemaItem,
    name: str | None,
    type_: str,
    reflected: bool,  # noqa: FBT001 - as above
    compare_to: SchemaItem | None,
    *,
    schema: str | None = SCHEMA,
) -> bool:
    """Whether autogenerate may look at it: not at our tables, but at every table of the host, whatever its name.

    SQLite keeps no schema with a foreign key, so one to our tables never looks as it does in the models: there it is
    passed over when both sides have it.
    """
    del name, type_
    apart = schema is not None and context.get_context().dialect.name != "sqlite"
    if isinstance(item, Table) and apart:
        return item.schema != schema
    if isinstance(item, Table):
        return not reflected or compare_to is not None or not item.name.startswith(PREFIXES)
    if isinstance(item, ForeignKeyConstraint) and not apart:
        known = _in_models(item.table.name) if reflected else _in_database(item.table.name)
        return _bare(item) not in known
    return True


def include_name(
    name: str | None, type_: str, parent_names: MutableMapping[str, str | None], *, schema: str = SCHEMA
) -> bool:
    """Whether autogenerate may read it from the database: any schema but ours."""
    del parent_names
    return type_ != "schema" or name != schema


Key = tuple[list[str], str]


def _bare(key: ForeignKeyConstraint) -> Key:
    """Its columns and where it leads, without the schema."""
    return list(key.column_keys), key.elements[0].target_fullname.removeprefix(f"{SCHEMA}.")


def _in_models(table: str) -> Iterable[Key]:
    """The foreign keys from this table to ours, as the host's models have them."""
    target: MetaData | list[MetaData] = context.get_context().opts["target_metadata"]
    tables = [metadata.tables.get(table) for metadata in (target if isinstance(target, list) else [target])]
    keys = chain.from_iterable(found.foreign_key_constraints for found in tables if found is not None)
    return [_bare(key) for key in keys if key.elements[0].target_fullname.startswith(f"{SCHEMA}.")]


def _in_database(table: str) -> Iterable[Key]:
    """The foreign keys from this table, as the database has them."""
    found = inspect(context.get_bind()).get_foreign_keys(table)
    return [(key["constrained_columns"], f"{key['referred_table']}.{key['referred_columns'][0]}") for key in found]
