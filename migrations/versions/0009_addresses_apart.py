"""Compares addresses in lower case instead of case-folded: `straße` and `strasse` are two mailboxes."""

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
# An encoded word (RFC 2047): mail programs decode it to another address, so a verification proved nothing about this
# one.
ENCODED_WORD = "%=?%?%?%?=%@%"


def upgrade() -> None:
    """Expand only: the previous release keeps working, except for local parts with a letter such as ß.

    The previous release does not find those, the new one does. An address that another user has by now stays as it is;
    running the revision again converts the rest.
    """
    _recompute(str.lower)
    op.execute(sa.update(EMAIL).where(EMAIL.c.address.like(ENCODED_WORD)).values(verified_at=None))


def downgrade() -> None:
    """Returns to the previous revision. Of two addresses that are equal there, the second stays as it is."""
    _recompute(str.casefold)


def _recompute(lowered: Callable[[str], str]) -> None:
    """Computes the compared form again from the written one, for addresses beyond ASCII only: those are few rows."""
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
