"""A small application with projects: who starts one owns it, owners invite others as editors or readers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from fastapi import FastAPI
from sqlalchemy import ForeignKey, String, cast, literal, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fam_auth import Auth, CurrentUser, install, needs
from fam_auth.dependencies import CurrentActor
from fam_auth.features.password import Password
from fam_auth.features.role import Permission, Role, managers, path, permission
from fam_auth.models import User
from fam_auth.repository.data_access.managers import users

roles = Role(
    permissions=[
        Permission("projects:read", "See a project."),
        Permission("projects:write", "Change a project."),
        Permission("projects:share", "Let others in."),
    ],
    roles={
        "reader": ["projects:read"],
        "editor": ["reader", "projects:write"],
        "owner": ["editor", "projects:share"],
        "auditor": ["reader"],  # granted without a scope it opens every project
    },
)
auth = Auth(features=[Password(), roles], email_verification=False)


class Base(DeclarativeBase):
    """The tables of this application."""


class Project(Base):
    """Something that people work on."""

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    started_by = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with auth.transaction() as db:
        await (await db.connection()).run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)
install(app, auth)
project = path("project_id", "project:")


@app.post("/projects", status_code=201)
async def start(user: CurrentUser, actor: CurrentActor, title: str) -> int:
    async with auth.transaction() as db:
        made = Project(title=title, started_by=user.id)
        db.add(made)
        await db.flush()
        # Both or neither: the project and that its founder owns it. It is the application that grants, not the user.
        await managers.grant(auth, user.id, "owner", replace(actor, user_id=None), scope=f"project:{made.id}", db=db)
        return made.id


@app.get("/projects")
async def mine(user: CurrentUser) -> list[str]:
    scope = literal("project:") + cast(Project.id, String)
    visible = auth.of(Role).permits(user, "projects:read", scope)
    async with auth.transaction() as db:
        return list(await db.scalars(select(Project.title).where(visible).order_by(Project.id)))


@app.get("/projects/{project_id}", dependencies=[needs(permission("projects:read", scope=project))])
async def look(project_id: int) -> str:
    async with auth.transaction() as db:
        return (await db.get_one(Project, project_id)).title


@app.patch("/projects/{project_id}", dependencies=[needs(permission("projects:write", scope=project))])
async def rename(project_id: int, title: str) -> str:
    async with auth.transaction() as db:
        (await db.get_one(Project, project_id)).title = title
    return title


@app.put("/projects/{project_id}/people", dependencies=[needs(permission("projects:share", scope=project))])
async def share(project_id: int, email: str, role: Literal["reader", "editor"], actor: CurrentActor) -> None:
    invited = await users.found(auth, email)
    await managers.grant(auth, invited.id, role, actor, scope=f"project:{project_id}")


@app.delete("/projects/{project_id}/people", dependencies=[needs(permission("projects:share", scope=project))])
async def unshare(project_id: int, email: str, role: Literal["reader", "editor"], actor: CurrentActor) -> None:
    await managers.revoke(auth, (await users.found(auth, email)).id, role, actor, scope=f"project:{project_id}")
