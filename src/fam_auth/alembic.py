"""For a host's own Alembic environment: its `alembic revision --autogenerate` proposes nothing of ours.

With Alembic's defaults a host on PostgreSQL needs none of this: our tables stand in a schema of their own. Where it
looks into other schemas (`include_schemas=True`), or shares a SQLite file with us, two lines in its env.py:

    from fam_auth.alembic import include_object
    context.configure(..., include_object=include_object)

Tables of ours under another schema than `fam_auth` (FAM_AUTH_DB_SCHEMA): `partial(include_object, schema="other")`.
"""

from collections.abc import Mapping

from sqlalchemy import ForeignKeyConstraint, Table
from sqlalchemy.schema import SchemaItem

SCHEMA = "fam_auth"
# What our tables are called where there is no schema to tell them apart; Alembic counts in the ones of the second kind.
PREFIXES = ("auth_", "version_")
