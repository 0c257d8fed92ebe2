"""The page of rights: which role has which permission, which route asks for it, and who reads and writes what."""

from typing import Any

from fam_auth.features.role.settings import ADMIN, OWN
from scripts.reference.routes import PLACE, rule_of
from scripts.reference.words import table
from scripts.reference.world import document, operations

HEAD = f"""\
# Who may do what

Every route says what it asks for, and nothing else decides: no field of a body and no header. There is one built-in role, `{ADMIN}`; it has the permissions below, and of an application's own only those that are written down for it. `fam-auth routes` prints the same for an application with its own routes.

## Roles, permissions, routes"""
FIELDS = """\
## Fields of a user

Read and written by the user about themselves, and by an administrator with the permission. A field that a body does not name is refused, never silently kept."""
REST = """\
## Routes without a permission

`session`: whoever is signed in, for what is theirs; what belongs to somebody else is `not_found`. `login`: whoever has the token of a login under way. `public`: everybody."""
READS = {"self": "GET /auth/me", "admin": "GET /auth/users/{user_id}"}
WRITES = {"self": "PATCH /auth/me", "admin": "PATCH /auth/users/{user_id}"}
ELSEWHERE = {
    "email": "`change_email`, confirmed by the new mailbox, undone by the old one",
    "email_verified": "`verify_email`",
    "suspended_at": "`suspend_user`, `restore_user` for an administrator",
    "suspended_until": "`suspend_user` for an administrator",
}


def page() -> str:
    """Permissions with their routes, fields with their readers and writers, and every other route."""
    asked = {route: [str(demand) for demand in rule_of(route).demands] for route, _ in operations()}
    rows = [[f"`{ADMIN}`", f"`{one.name}`", one.description, _routes(asked, one.name)] for one in OWN]
    others = [
        [f"`{route}`", rule_of(route).asks, ", ".join(demands)]
        for route, demands in asked.items()
        if not any(demand.startswith("permission") for demand in demands)
    ]
    parts = [HEAD, table(["role", "permission", "meaning", "routes"], rows), FIELDS, _fields()]
    return "\n\n".join([*parts, REST, table(["route", "asks for", "and"], others)]) + "\n"


def fields(route: str, *, written: bool) -> set[str]:
    """The fields of the body that a route takes, or of the one that it gives."""
    operation: dict[str, Any] = dict(operations())[route]
    body = operation["requestBody"] if written else operation["responses"]["200"]
    name = body["content"]["application/json"]["schema"]["$ref"].removeprefix(PLACE)
    return set(document()["components"]["schemas"][name]["properties"])


def _fields() -> str:
    reads = {who: fields(route, written=False) for who, route in READS.items()}
    writes = {who: fields(route, written=True) for who, route in WRITES.items()}
    order = list(document()["components"]["schemas"]["UserItem"]["properties"])
    rows = [[f"`{name}`", *(_marks(name, reads, writes)), ELSEWHERE.get(name, "")] for name in order]
    head = ["field", "self reads", "self writes", "admin reads", "admin writes", "otherwise changed by"]
    return table(head, rows)


def _marks(name: str, reads: dict[str, set[str]], writes: dict[str, set[str]]) -> list[str]:
    return ["yes" if name in kind[who] else "" for who in ("self", "admin") for kind in (reads, writes)]


def _routes(asked: dict[str, list[str]], permission: str) -> str:
    name = f"permission {permission}"
    found = {route: [one for one in demands if one != name] for route, demands in asked.items() if name in demands}
    return ", ".join(f"`{route}`" + (f" ({', '.join(more)})" if more else "") for route, more in found.items())
