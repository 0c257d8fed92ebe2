"""Reading request bodies: a size limit, strict JSON without repeated names, and errors by field."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from fam_auth.exceptions import InvalidRequest, Message, PayloadTooLarge, UnsupportedMediaType
from fam_auth.schemas.base import is_plain

LARGEST_BODY = 64 * 1024
DRAIN_SECONDS = 2


async def read(request: Request) -> None:
    """Read and check the body, and cache it in the request, so that FastAPI does not parse it again.

    Raises PayloadTooLarge, UnsupportedMediaType and InvalidRequest.
    """
    body = await limited(request)
    if not body:
        return
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").removeprefix("charset=").strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaType
    match media_type.strip():
        case "application/json":
            request._json = _parsed(body)  # noqa: SLF001 - where Request.json() keeps what it has parsed
        case "application/x-www-form-urlencoded":
            # Latin-1 decodes any bytes. Only the names matter here; FastAPI decodes the form itself.
            refuse_repeated(parse_qsl(body.decode("latin-1"), keep_blank_values=True), "body")
        case _:
            raise UnsupportedMediaType


async def limited(request: Request) -> bytes:
    """The body. Raises PayloadTooLarge when it is larger than 64 kB.

    The rest of a body that is too large is read and discarded for up to two seconds: many clients read the response
    only after they have sent everything.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            await _drain(request)
            raise PayloadTooLarge
    request._body = bytes(body)  # noqa: SLF001 - where Request.body() keeps what it has read
    return request._body  # noqa: SLF001


async def _drain(request: Request) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while (await request.receive()).get("more_body"):
                pass


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.of("", "invalid_json") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    refuse_repeated(pairs, "body")
    return dict(pairs)


def refuse_repeated(pairs: list[tuple[str, Any]], place: str) -> None:
    """Raises InvalidRequest when a name appears twice: two parsers could each take a different one (ASVS 15.3.5)."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidRequest.of("", "repeated_name", Message(f"errors.repeated_name_in_{place}"))


def refuse_hidden(pairs: Iterable[tuple[str, str]]) -> None:
    """Raises InvalidRequest for control characters in a query or path: PostgreSQL, for one, stores no NUL in a text."""
    for name, value in pairs:
        if not is_plain(name):
            raise InvalidRequest.of("", "control_character")
        if not is_plain(value):
            raise InvalidRequest.of(name, "control_character")


def _no_constant(name: str) -> None:
    raise ValueError(name)


def explained(errors: Iterable[Mapping[str, Any]], skip: int = 1) -> list[dict[str, Any]]:
    """The `errors` of an InvalidRequest, from pydantic's errors, without the values: they may contain a password.

    `skip` is the number of parts that FastAPI puts before a field, such as `body`.
    """
    return [_field_error(one, skip) for one in errors]


def _field_error(error: Mapping[str, Any], skip: int) -> dict[str, Any]:
    place = ".".join(str(part) for part in error["loc"][skip:] if isinstance(part, str | int))
    limits = {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, int)}
    message = Message(f"errors.{error['type']}", limits, default=error["msg"])
    return {"field": place, "code": error["type"], "message": message, **limits}
