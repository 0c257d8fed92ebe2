"""The routes of the kernel. Endpoints translate between HTTP and managers, and contain no rules of their own."""

from fastapi import APIRouter

from fam_auth.http.route import Route, new_router
from fam_auth.routers import administration, config, email, login, session, user

__all__ = ["KERNEL", "Route", "new_router"]

KERNEL: tuple[APIRouter, ...] = (
    config.router,
    login.router,
    session.router,
    user.router,
    email.router,
    administration.router,
)
