"""The page of routes: every operation, what it asks for, takes, gives and refuses, and every body."""

from itertools import groupby
from typing import Any

from fam_auth.http.access_rules import Rule, rules
from scripts.reference.problems import codes
from scripts.reference.words import code, table
from scripts.reference.world import app, document, operations

HEAD = """\
# Routes

All routes, with the prefix `/auth` and every feature and option turned on. Your application has only the routes of its features; list them with `fam-auth routes`. The OpenAPI document of your application describes the same routes, and you can [generate clients](../clients.md) from it.

Every operation can also return these problems: `invalid_request`, `payload_too_large`, `unsupported_media_type`, `internal_error`, `unavailable`."""
SHARED = ("invalid_request", "payload_too_large", "unsupported_media_type", "internal_error", "unavailable")
ASKED = {
    "session": "a session",
    "login": "the token of a sign-in in progress, if there is one",
    "public": "nothing",
    "nothing": "nothing",
}
PLACE = "#/components/schemas/"


def page() -> str:
    """Every operation by its tag, and every body behind them."""
    found = sorted(operations(), key=lambda one: str(one[1]["tags"][0]))
    parts = [HEAD]
    for tag, group in groupby(found, key=lambda one: str(one[1]["tags"][0])):
        parts += [f"## {tag.capitalize()}", *(_section(*one) for one in group)]
    parts += ["## Bodies", "Unknown fields are rejected. A field without a value is `null`."]
    parts += [_body(name, schema) for name, schema in sorted(document()["components"]["schemas"].items())]
    return "\n\n".join(parts) + "\n"


def rule_of(route: str) -> Rule:
    """What a route such as `POST /auth/login` asks for."""
    return next(rule for rule in rules(app()) if f"{rule.method} {rule.path}" == route)


def _section(route: str, operation: dict[str, Any]) -> str:
    rule = rule_of(route)
    asks = ", ".join([ASKED[rule.asks], *(str(demand) for demand in rule.demands)])
    lines = [f"### {operation['operationId']}", f"`{route}`", _told(operation), f"- requires: {asks}"]
    facts = [_taken(operation), _given(operation)]
    own = [f"[`{one}`](problems.md#{one})" for one in dict.fromkeys(codes(operation)) if one not in SHARED]
    facts.append(f"- problems: {', '.join(own)}" if own else "")
    return "\n\n".join(lines) + "".join(f"\n{fact}" for fact in facts if fact)


def _told(operation: dict[str, Any]) -> str:
    told: str = operation["description"]
    return told.partition("\n\nNeeds: ")[0]


def _taken(operation: dict[str, Any]) -> str:
    given = operation.get("parameters", ())
    names = [f"`{one['name']}` ({one['in']})" for one in given]
    bodies = operation.get("requestBody", {}).get("content", {}).values()
    names += [_shown(media["schema"]) for media in bodies]
    return f"- parameters: {', '.join(names)}" if names else ""


def _given(operation: dict[str, Any]) -> str:
    answers = []
    for status, answer in operation["responses"].items():
        if int(status) < 400:  # noqa: PLR2004 - from here on they are problems
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            answers.append(f"{status} {_shown(schema)}".strip() if schema else status)
    return f"- returns: {', '.join(answers)}"


def _body(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        [f"`{field}`", _shown(one), "yes" if field in needed else "", one.get("description", "")]
        for field, one in schema.get("properties", {}).items()
    ]
    lines = [f"### {name}", schema.get("description", "")]
    lines.append(table(["field", "type", "required", "meaning"], rows) if rows else _shown(schema))
    return "\n\n".join(line for line in lines if line)


def _shown(schema: dict[str, Any]) -> str:
    """The type as one reads it: a link to the body, or the name of what JSON has."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PLACE)
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_shown(one) for one in schema[word]))
    if "const" in schema:
        return code(f'"{schema["const"]}"')
    if "enum" in schema:
        return " or ".join(code(f'"{one}"') for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_shown(schema['items'])}"
    return str(schema.get("format") or schema.get("type") or "anything")
