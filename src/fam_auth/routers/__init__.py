"""HTTP in, value out."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from fam_auth.routers.route import Route

__all__ = ["Route", "named", "new_router"]


def named(route: APIRoute) -> str:
    """The operation id: a good name for a client's method."""
    return route.name


def new_router(tag: str) -> APIRouter:
    """A router whose routes read and answer as all of ours do."""
    return APIRouter(route_class=Route, tags=[tag], generate_unique_id_function=named)
