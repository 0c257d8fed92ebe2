"""Addresses are compared in lower case and no longer folded: `straße` and `strasse` are two mailboxes."""

import unicodedata
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009_addresses_apart"
down_revision: str | None = "0008_devices_and_sources"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

EMAIL = sa.table("auth_email", sa.column("id"), sa.column("address"), sa.column("canonical"), sa.column("verified_at"))
TOKEN = sa.table("auth_one_time_token", sa.column("id"), sa.column("shown"), sa.column("address"))
# An encoded word (RFC 2047): mail programs read it as another address, which has proved nothing about this one.
ENCODED_WORD = "%=?%?%?%?=%@%"


def upgrade() -> None:
    """Expand: the code before this revision goes on working, but for local parts with a letter such as ß.

    It does not find those, the code after it does. What somebody else holds by now stays as it is; done again, the
    revision does what is left.
    """
    _recompute(str.lower)
    op.execute(sa.update(EMAIL).where(EMAIL.c.address.like(ENCODED_WORD)).values(verified_at=None))


def downgrade() -> None:
    """Back to the revision before. Of two addresses that are one there, the second stays as it is."""
    _recompute(str.casefold)


def _recompute(lowered: Callable[[str], str]) -> None:
    """What is compared is made anew from what was written, where that goes beyond ASCII: few rows anywhere."""
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output("-- Local parts beyond ASCII are made anew by `fam-auth migrate` alone.")
        return
    taken = sa.table("auth_email", sa.column("canonical")).alias("taken")
    for table, written, compared in (
        (EMAIL, EMAIL.c.address, EMAIL.c.canonical),
        (TOKEN, TOKEN.c.shown, TOKEN.c.address),
    ):
        for row in op.get_bind().execute(sa.select(table.c.id, written, compared).where(_beyond_ascii(written))).all():
            new = f"{_local(row[1], lowered)}@{row[2].rpartition('@')[2]}"
            is_free = ~sa.exists().where(taken.c.canonical == new) if table is EMAIL else sa.true()
            op.get_bind().execute(
                sa.update(table).where(table.c.id == row.id, compared != new, is_free).values({compared: new})
            )


def _local(written: str, lowered: Callable[[str], str]) -> str:
    return unicodedata.normalize("NFC", lowered(written.rpartition("@")[0]))


def _beyond_ascii(column: sa.ColumnClause[str]) -> sa.ColumnElement[bool]:
    if op.get_context().dialect.name == "sqlite":
        return sa.func.length(sa.cast(column, sa.LargeBinary)) != sa.func.length(column)
    return sa.func.octet_length(column) != sa.func.char_length(column)
