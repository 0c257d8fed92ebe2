"""The page of problems: every refusal by the name that its `type` ends in."""

import inspect
from collections.abc import Iterator

from fam_auth.exceptions import Refusal
from fam_auth.http.problems import TYPES
from scripts.reference.world import operations

HEAD = f"""\
# Problems

Errors are returned as `application/problem+json` (RFC 9457). Check `code` in your program: it never changes. Show `detail` to users: it is translated and may change. `type` is `{TYPES}` followed by the code, or `FAM_AUTH_PROBLEM_URL` followed by the code if you host these pages yourself. Use `request_id` to find the request in the log. Responses with status 429 and 503 have a `Retry-After` header.

```json
{{
  "type": "{TYPES}invalid_request",
  "code": "invalid_request",
  "title": "The request is not valid.",
  "status": 422,
  "detail": "The request is not valid.",
  "request_id": "0197f0c2a1b34c5d",
  "errors": [{{"field": "password", "code": "too_short", "message": "Must be at least 8 characters."}}]
}}
```

`errors` is present only for `invalid_request` and never repeats the submitted value. `lacking` says what is missing: it is present for `step_up_required`, and for `forbidden` if the user is allowed to know."""


def page() -> str:
    """Every problem with its status and what it means."""
    return "\n\n".join([HEAD, *(_section(kind) for kind in refusals())]) + "\n"


def refusals(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every refusal of ours that has a code, the tree from its root on."""
    for kind in root.__subclasses__():
        if kind.__module__.startswith("fam_auth."):
            yield kind
            yield from refusals(kind)


def _section(kind: type[Refusal]) -> str:
    lines = [f"## {kind.code}", f"**{kind.status}** {kind.title}", inspect.getdoc(kind) or ""]
    names = [f"`{operation['operationId']}`" for _, operation in operations() if _answers(operation, kind)]
    everywhere = len(names) == len(operations())
    lines.append(f"Returned by {'every operation' if everywhere else ', '.join(names)}." if names else "")
    return "\n\n".join(line for line in lines if line)


def _answers(operation: dict[str, object], kind: type[Refusal]) -> bool:
    return kind.code in codes(operation)


def codes(operation: dict[str, object]) -> list[str]:
    """The codes of the problems that an operation may answer with."""
    responses = operation["responses"]
    assert isinstance(responses, dict)  # noqa: S101 - OpenAPI says so
    media = (one.get("content", {}).get("application/problem+json", {}) for one in responses.values())
    return [code for one in media for code in one.get("examples", {})]
