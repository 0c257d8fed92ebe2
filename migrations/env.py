"""Runs one migration history in Alembic. fam_auth.core.upgrade passes the history and the connection."""

from typing import Any

from alembic import context

attributes: dict[str, Any] = context.config.attributes

if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], literal_binds=True, **attributes["options"])
else:
    context.configure(connection=attributes["connection"], **attributes["options"])
context.run_migrations()
