"""The application's own Alembic environment; `include_object` is all that it knows of fam-auth."""

import os

from alembic import context
from models import Base
from sqlalchemy import NullPool, create_engine

from fam_auth.alembic import include_object

DATABASE = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///./shop.db").replace("+aiosqlite", "")

with create_engine(DATABASE, poolclass=NullPool).connect() as connection:
    context.configure(connection, target_metadata=Base.metadata, include_object=include_object, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
