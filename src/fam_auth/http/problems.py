"""Turning refusals into problem responses (RFC 9457), and documenting them in OpenAPI."""

from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from fam_auth.core import refusals
from fam_auth.exceptions import (
    InternalError,
    InvalidRequest,
    PayloadTooLarge,
    Refusal,
    Unavailable,
    UnsupportedMediaType,
)
from fam_auth.http.client import language_of
from fam_auth.http.installed import auth_of

TYPES = "urn:problem-type:fam-auth:"
"""The prefix of a problem's `type`, unless the setting `problem_url` replaces it."""
MEDIA_TYPE = "application/problem+json"
SCHEMA = {"$ref": "#/components/schemas/Problem"}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
EXAMPLE_ID = "0197f0c2a1b34c5d"
ALWAYS: tuple[type[Refusal], ...] = (
    InvalidRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
    InternalError,
    Unavailable,
)
DESCRIPTIONS = {
    400: "Invalid token or code.",
    401: "Not signed in, or stronger authentication required.",
    403: "Permission denied.",
    404: "Not found.",
    413: "The request body is too large.",
    415: "The request body is not JSON.",
    422: "The request is not valid.",
    429: "Rate limit exceeded.",
    500: "Internal server error.",
    503: "The service is unavailable. Try again later.",
}


def answer(refusal: Refusal, connection: HTTPConnection) -> JSONResponse:
    """The problem response for a refusal, in the language of the request.

    The title depends on the language and nothing else (RFC 9457, 3.1.3).
    """
    texts, language = auth_of(connection).texts, language_of(connection)
    title = refusals.title(texts, language, type(refusal))
    detail = refusals.detail(texts, language, refusal)
    content = _content(type(refusal), title, detail, connection.scope.get("fam_auth.request_id"))
    if (pages := auth_of(connection).settings.problem_url) is not None:
        content["type"] = f"{pages}{refusal.code}"
    members = refusal.members()
    if "errors" in members:
        members["errors"] = refusals.errors(texts, language, members["errors"])
    headers = {**HEADERS, "Content-Language": language, **refusal.headers()}
    return JSONResponse({**content, **members}, refusal.status, headers, MEDIA_TYPE)


def refuses(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these refusals, and those that every route can answer with."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in (*kinds, *ALWAYS):
        media: dict[str, Any] = {"schema": SCHEMA, "examples": {}}
        entry: dict[str, Any] = {"description": DESCRIPTIONS[kind.status], "content": {MEDIA_TYPE: media}}
        entry = responses.setdefault(kind.status, entry)
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {
            "value": _content(kind, kind.title, kind.title, EXAMPLE_ID)
        }
    return responses


def _content(kind: type[Refusal], title: str, detail: str, request_id: str | None) -> dict[str, Any]:
    return {
        "type": f"{TYPES}{kind.code}",
        "code": kind.code,
        "title": title,
        "status": kind.status,
        "detail": detail,
        "request_id": request_id,
    }
