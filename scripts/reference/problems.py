"""The page of problems: every refusal by the name that its `type` ends in."""

import inspect
from collections.abc import Iterator

from fam_auth.exceptions import Refusal
from fam_auth.routers.problems import TYPES
from scripts.reference.world import operations

HEAD = f"""\
# Problems

A refusal is answered as `application/problem+json` (RFC 9457). `code` is stable and for programs; `detail` is for people and may change. `type` is `{TYPES}` and the code, or `FAM_AUTH_PROBLEM_URL` and the code if you host these pages yourself. `request_id` finds the line of the log. `Retry-After` goes with 429 and 503.

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

`errors` is there for `invalid_request` alone and never repeats the value that was sent; `lacking` for `step_up_required` and for `forbidden`, to those who may know."""


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
    lines.append(f"Answered by {'every operation' if everywhere else ', '.join(names)}." if names else "")
    return "\n\n".join(line for line in lines if line)


def _answers(operation: dict[str, object], kind: type[Refusal]) -> bool:
    return kind.code in codes(operation)


def codes(operation: dict[str, object]) -> list[str]:
    """The codes of the problems that an operation may answer with."""
    responses = operation["responses"]
    assert isinstance(responses, dict)  # noqa: S101 - OpenAPI says so
    media = (one.get("content", {}).get("application/problem+json", {}) for one in responses.values())
    return [code for one in media for code in one.get("examples", {})]
