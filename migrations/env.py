"""How Alembic runs one history. Called by fam_auth.core.upgrade, which says which one and over which connection."""

from typing import Any

from alembic import context

attributes: dict[str, Any] = context.config.attributes

if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], literal_binds=True, **attributes["options"])
else:
    context.configure(connection=attributes["connection"], **attributes["options"])
context.run_migrations()
