"""How our routes read a request and answer it: strict JSON, a size limit, a deadline, problems, headers."""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from fam_auth.core.logs import request_id
from fam_auth.dependencies import auth_of
from fam_auth.exceptions import (
    InternalError,
    InvalidRequest,
    PayloadTooLarge,
    Refusal,
    Said,
    Unavailable,
    UnsupportedMediaType,
)
from fam_auth.routers import problems
from fam_auth.schemas.base import is_plain

LARGEST_BODY = 64 * 1024
DRAIN_SECONDS = 2
log = logging.getLogger("fam_auth")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """A route of ours, wherever it is mounted: the host's own handlers and middleware do not change what it answers."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            name = request.scope["fam_auth.request_id"] = secrets.token_hex(8)
            token = request_id.set(name)
            try:
                response = await _answered(self, handle, request)
            finally:
                request_id.reset(token)
            response.headers["X-Request-ID"] = name
            for header, value in problems.HEADERS.items():
                response.headers.setdefault(header, value)
            return response

        return handler

    async def handled(self, handle: Handler, request: Request) -> Response:
        """What the route answers, within the deadline."""
        asked = request.query_params.multi_items()
        refuse_repeated(asked, "query")
        _refuse_hidden((*asked, *request.path_params.items()))
        if self.body_field is not None:
            await _read(request)
        return await handle(request)

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """How the route says no; it waits for nothing, as the deadline may be over."""
        return problems.answer(refusal, request)


async def _answered(route: Route, handle: Handler, request: Request) -> Response:
    try:
        return await _in_time(route.handled(handle, request), auth_of(request).settings.request_deadline)
    except Refusal as refusal:
        return route.refused(request, refusal)
    except RequestValidationError as error:
        return route.refused(request, InvalidRequest(explained(error.errors())))
    except HTTPException:
        return route.refused(request, InvalidRequest.of("", "unreadable"))
    except Exception:
        log.exception("Unhandled error in a request.")
        return route.refused(request, InternalError())


async def _in_time(work: Coroutine[Any, Any, Response], deadline: timedelta) -> Response:
    """The answer; Unavailable at the deadline, even when what is waited for does not let itself be cancelled.

    A driver that tells a frozen database to give up waits for that too: such a task is left to itself.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        done, _ = await asyncio.wait({task}, timeout=deadline.total_seconds())
    finally:
        task.cancel()  # at the deadline, or when the server gives the request up
    if not done:
        raise Unavailable
    return task.result()


async def _read(request: Request) -> None:
    """The body is read, checked and kept, so that FastAPI finds it parsed."""
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
            refuse_repeated(parse_qsl(body.decode("latin-1"), keep_blank_values=True), "body")
        case _:
            raise UnsupportedMediaType


async def limited(request: Request) -> bytes:
    """The body, at most 64 kB. What is larger is read and thrown away, so that the client sees the answer."""
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
    """Two parsers may take different ones of two equal names (ASVS 15.3.5)."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidRequest.of("", "repeated_name", Said(f"errors.repeated_name_in_{place}"))


def _refuse_hidden(pairs: Iterable[tuple[str, str]]) -> None:
    """What a query or a path has no business with, whatever the parameter: PostgreSQL takes no NUL in any text."""
    for name, value in pairs:
        if not is_plain(name):
            raise InvalidRequest.of("", "control_character")
        if not is_plain(value):
            raise InvalidRequest.of(name, "control_character")


def _no_constant(name: str) -> None:
    raise ValueError(name)


def explained(errors: Iterable[Mapping[str, Any]], skip: int = 1) -> list[dict[str, Any]]:
    """What is wrong where, without the values: pydantic would repeat a password.

    The first `skip` parts of a place are FastAPI's, as `body`.
    """
    return [_field_error(one, skip) for one in errors]


def _field_error(error: Mapping[str, Any], skip: int) -> dict[str, Any]:
    place = ".".join(str(part) for part in error["loc"][skip:] if isinstance(part, str | int))
    limits = {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, int)}
    message = Said(f"errors.{error['type']}", limits, otherwise=error["msg"])
    return {"field": place, "code": error["type"], "message": message, **limits}
