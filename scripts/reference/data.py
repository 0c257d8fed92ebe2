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
# What is kept

Everything fam-auth keeps is in these tables; workers remember sessions in memory besides, and nothing is written elsewhere but the log. Classes:

| class | what it is | who can read it |
|---|---|---|
| personal | tells who somebody is or from where they came | whoever reads the database; their user in `GET /auth/me/export` |
| sealed | encrypted with AES-256-GCM, bound to its row | only a process that has `FAM_AUTH_SECRETS` |
| digest | a keyed digest of a secret that is shown once | nobody |
| hash | a password as Argon2id | nobody |
| technical | ids, times, counters | whoever reads the database |

Of all this the log has what an event has: time, kind, outcome, bare ids, address, client and request id, as one line of JSON. No other column reaches a log, and no secret, token, code or mail address ever does. `fam-auth users export` prints what is kept of one user, `fam-auth users delete` (or the user, by `DELETE /auth/me`) removes it; events keep kind, time and bare ids. `fam-auth purge` deletes what has had its time."""
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
    "auth_login": "its ten minutes (`FAM_AUTH_LOGIN_LIFETIME`), then purged",
    "auth_one_time_token": "until it expires, or for a day after its use, then purged",
    "auth_attempt": "a day after the last try counts no more, then purged",
    "auth_session": "`FAM_AUTH_RETENTION` after its end, then purged",
    "auth_event": "`FAM_AUTH_RETENTION`, then purged",
    "auth_change": "an hour, then purged",
    "auth_outbox": "a day after it was sent or given up, then purged; the content goes when the mail does",
    "auth_user": "until deleted; `FAM_AUTH_UNVERIFIED_LIFETIME` when nobody verifies the address, then purged",
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
            return f"a day after `{column.name}`, then purged"
    if made.name == "auth_registration":
        return "until the address is verified or the registration disowned"
    if any(key.column.table is _table(User) for key in made.foreign_keys):
        return "as long as its user"
    if any(key.ondelete == "CASCADE" for key in made.foreign_keys):
        return "as long as what it belongs to"
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
