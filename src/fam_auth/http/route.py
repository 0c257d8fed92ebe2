"""The route class of our routes and pages: request id, deadline, security headers, and problems for all errors."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from fam_auth.core.logs import request_id
from fam_auth.exceptions import InternalError, InvalidRequest, Refusal, Unavailable
from fam_auth.http import problems
from fam_auth.http.body import explained, read, refuse_hidden, refuse_repeated
from fam_auth.http.installed import auth_of

log = logging.getLogger("fam_auth")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """A route whose errors are handled here, so that the host's exception handlers do not change its responses."""

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
            # Pages and static files set a policy and caching of their own.
            for header, value in problems.HEADERS.items():
                response.headers.setdefault(header, value)
            return response

        return handler

    async def handled(self, handle: Handler, request: Request) -> Response:
        """Check the request and call the endpoint. Runs within the deadline; raises refusals."""
        asked = request.query_params.multi_items()
        refuse_repeated(asked, "query")
        refuse_hidden((*asked, *request.path_params.items()))
        if self.body_field is not None:
            await read(request)
        return await handle(request)

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """The response to a refusal. It must not wait for anything, because the deadline may have passed."""
        return problems.answer(refusal, request)


def new_router(tag: str) -> APIRouter:
    """A router whose routes are of the class Route, with `tag` in the OpenAPI document."""
    return APIRouter(route_class=Route, tags=[tag], generate_unique_id_function=_named)


def _named(route: APIRoute) -> str:
    """The operation id, which client generators use as the name of a method."""
    return route.name


async def _answered(route: Route, handle: Handler, request: Request) -> Response:
    try:
        return await _in_time(route.handled(handle, request), auth_of(request).settings.request_deadline)
    except Refusal as refusal:
        return route.refused(request, refusal)
    except RequestValidationError as error:
        return route.refused(request, InvalidRequest(explained(error.errors())))
    except HTTPException:  # FastAPI raises it for a body that it cannot parse
        return route.refused(request, InvalidRequest.of("", "unreadable"))
    except Exception:
        # The response tells nothing about the error; the log has it under the request id.
        log.exception("Unhandled error in a request.")
        return route.refused(request, InternalError())


async def _in_time(work: Coroutine[Any, Any, Response], deadline: timedelta) -> Response:
    """The response. Raises Unavailable at the deadline, even when the work cannot be cancelled in time.

    A driver whose query is cancelled first tells the database, and waits for that as well. If the database hangs, the
    task is abandoned, and its exception is read in a callback so that asyncio does not log it.
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
