"""The page of rights: which role has which permission, which route asks for it, and who reads and writes what."""

from typing import Any

from fam_auth.features.role.settings import ADMIN, OWN
from scripts.reference.routes import PLACE, rule_of
from scripts.reference.words import table
from scripts.reference.world import document, operations

HEAD = f"""\
# Permissions

Every route declares what it requires, and nothing else grants access: no body field and no header. There is one built-in role, `{ADMIN}`. It has the permissions below, and those permissions of your application that you add to it. To print this table for an application with its own routes, run `fam-auth routes`.

## Roles, permissions, routes"""
FIELDS = """\
## Fields of a user

Which fields users can read and change about themselves, and which fields an administrator with the permission can. A request body with an unknown field is rejected."""
REST = """\
## Routes without a permission

`session`: users who are signed in, for their own data; the data of other users is `not_found`. `login`: clients with the token of a sign-in in progress. `public`: everyone."""
READS = {"self": "GET /auth/me", "admin": "GET /auth/users/{user_id}"}
WRITES = {"self": "PATCH /auth/me", "admin": "PATCH /auth/users/{user_id}"}
ELSEWHERE = {
    "email": "`change_email`, confirmed with a link sent to the new address, undone with a link sent to the old one",
    "email_verified": "`verify_email`",
    "suspended_at": "`suspend_user`, `restore_user` (administrator)",
    "suspended_until": "`suspend_user` (administrator)",
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
    return "\n\n".join([*parts, REST, table(["route", "requires", "and"], others)]) + "\n"


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
    head = ["field", "self reads", "self writes", "admin reads", "admin writes", "changed by"]
    return table(head, rows)


def _marks(name: str, reads: dict[str, set[str]], writes: dict[str, set[str]]) -> list[str]:
    return ["yes" if name in kind[who] else "" for who in ("self", "admin") for kind in (reads, writes)]


def _routes(asked: dict[str, list[str]], permission: str) -> str:
    name = f"permission {permission}"
    found = {route: [one for one in demands if one != name] for route, demands in asked.items() if name in demands}
    return ", ".join(f"`{route}`" + (f" ({', '.join(more)})" if more else "") for route, more in found.items())
