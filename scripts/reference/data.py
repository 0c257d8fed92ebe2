"""The page of data: every table and column, its class, and how long it is kept."""

import inspect
from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, Column, String, Table

from fam_auth import models
from fam_auth.models import Base, User
from scripts.reference.words import table
from scripts.reference.world import features

HEAD = """\
# Stored data

fam-auth stores everything in these tables. Workers also cache sessions in memory, and events are written to the log; nothing else is stored anywhere. Each column belongs to one of these classes:

| class | what it is | who can read it |
|---|---|---|
| personal | identifies a user or where they connected from | anyone with access to the database; the user, in `GET /auth/me/export` |
| sealed | encrypted with AES-256-GCM, bound to its row | only a process that has `FAM_AUTH_SECRETS` |
| digest | a keyed digest of a secret that is shown once | no one |
| hash | an Argon2id hash of a password | no one |
| technical | IDs, times, counters | anyone with access to the database |

The log contains only what an event contains: time, kind, outcome, IDs, IP address, client and request ID, as one line of JSON. No other column is ever logged, and neither is any secret, token, code or email address.

To export the data of one user, run `fam-auth users export`. To delete it, run `fam-auth users delete`; users delete their own account with `DELETE /auth/me`. The events of a deleted user keep only kind, time and IDs. `fam-auth purge` deletes expired rows."""
# What is text is one or the other, and somebody has thought of it; everything else is technical.
PERSONAL = {"address", "agent", "canonical", "detail", "locale", "name", "shown", "suspended_reason"}
TECHNICAL = {
    *("bucket", "claims", "demands", "ended_reason", "key", "kind", "outcome", "proofs", "purpose", "request_id"),
    *("transport", "role", "permission", "includes", "scope", "description"),
}
# Names that mean something else in these tables.
BY_TABLE = {
    ("auth_role", "name"): "technical",
    ("auth_login", "device"): "technical",
    ("auth_outbox", "source"): "digest",
}
# By purge(): test_data_is_purged_as_the_page_says holds this against it.
PURGED = {
    "auth_login": "until it expires (`FAM_AUTH_LOGIN_LIFETIME`, ten minutes), then purged",
    "auth_one_time_token": "until it expires, or one day after its use, then purged",
    "auth_attempt": "one day after the last attempt no longer counts, then purged",
    "auth_session": "`FAM_AUTH_RETENTION` after the session ended, then purged",
    "auth_event": "`FAM_AUTH_RETENTION`, then purged",
    "auth_change": "one hour, then purged",
    "auth_outbox": "one day after the email was sent or failed, then purged; the content is deleted as soon as the email is sent",
    "auth_user": "until deleted; if the address is never verified, for `FAM_AUTH_UNVERIFIED_LIFETIME`, then purged",
}


def page() -> str:
    """Every table with its columns."""
    return "\n\n".join([HEAD, *(_section(model) for model in tables())]) + "\n"


def tables() -> Iterator[type[Base]]:
    """Every table of the kernel and of every feature."""
    yield from models.KERNEL
    for feature in features():
        yield from feature.models


def kept(model: type[Base]) -> str:
    """How long a row stays. Raises LookupError when neither the page nor the table says so."""
    made = _table(model)
    if made.name in PURGED:
        return PURGED[made.name]
    for column in made.columns:
        if column.info.get("dies"):
            return f"one day after `{column.name}`, then purged"
    if made.name == "auth_registration":
        return "until the address is verified or its owner rejects the registration"
    if any(key.column.table is _table(User) for key in made.foreign_keys):
        return "as long as the user exists"
    if any(key.ondelete == "CASCADE" for key in made.foreign_keys):
        return "as long as the row that it belongs to"
    if made.name == "auth_role":
        return "until deleted"
    raise LookupError(f"{made.name}: say in scripts/reference/data.py how long its rows are kept")


def classes(model: type[Base]) -> dict[str, str]:
    """The class of every column of a table."""
    return {column.name: _class(column) for column in _table(model).columns}


def _section(model: type[Base]) -> str:
    told = (inspect.getdoc(model) or "").partition("\n\n")[0]
    groups: dict[str, list[str]] = {}
    for name, kind in classes(model).items():
        groups.setdefault(kind, []).append(f"`{name}`")
    rows = [[kind, ", ".join(names)] for kind, names in groups.items()]
    lines = [f"## {_table(model).name}", " ".join(told.split()), f"Kept: {kept(model)}."]
    return "\n\n".join([*lines, table(["class", "columns"], rows)])


def _class(column: Column[Any]) -> str:
    if known := BY_TABLE.get((column.table.name, column.name)):
        return known
    if column.info.get("sealed"):
        return "sealed"
    if column.info.get("secret"):
        return "digest" if column.info.get("versioned") else "hash"
    if column.name in PERSONAL:
        return "personal"
    if isinstance(column.type, String | JSON) and column.name not in TECHNICAL:
        raise LookupError(f"{column}: say in scripts/reference/data.py whether it is personal or technical")
    return "technical"


def _table(model: type[Base]) -> Table:
    made = model.__table__
    assert isinstance(made, Table)  # noqa: S101 - every model of ours has one
    return made
