"""Routes to administer users. They require permissions, which a feature such as roles grants."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, status
from pydantic import Field

from fam_auth.demands import permission, recent_proof
from fam_auth.dependencies import CurrentActor, CurrentAuth, needs
from fam_auth.exceptions import CrossSite, Forbidden, NotFound, StepUpRequired, Unauthenticated
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import events, exports, users
from fam_auth.routers.session import Wanted
from fam_auth.schemas.base import Moment, Text
from fam_auth.schemas.session import JournalItem, PageAnswer
from fam_auth.schemas.user import Export, Suspension, UserAnswer, UserChange, UserItem
from fam_auth.values import EventFilter

router = new_router("administration")
FRESH = recent_proof()
MANAGES_USERS = permission("users:manage")
# What each action requires. The pages require the same, plus the permission to see the page.
RENAMES = RESTORES = (MANAGES_USERS,)
SUSPENDS = DELETES = EXPORTS = (MANAGES_USERS, FRESH)
ENDS_SESSIONS = (permission("sessions:manage"), FRESH)
READS = needs(permission("users:read"))
REFUSALS: dict[int | str, dict[str, Any]] = refuses(Unauthenticated, Forbidden, CrossSite)
REFUSALS_OF_ONE: dict[int | str, dict[str, Any]] = refuses(Unauthenticated, Forbidden, CrossSite, NotFound)
REFUSALS_OF_DEEDS: dict[int | str, dict[str, Any]] = refuses(
    Unauthenticated, StepUpRequired, Forbidden, CrossSite, NotFound
)
Search = Annotated[
    Annotated[Text, Field(max_length=200)] | None, Query(description="Text to find in addresses and names.")
]
EventName = Annotated[Annotated[Text, Field(max_length=100)] | None, Query(description="Only events of this kind.")]


@router.get("/users", dependencies=[READS], responses=REFUSALS)
async def list_users(auth: CurrentAuth, wanted: Wanted, search: Search = None) -> PageAnswer[UserItem]:
    """List users, oldest first."""
    page = await users.listed(auth, wanted.after, wanted.limit, search)
    return PageAnswer(items=[UserItem.model_validate(user) for user in page.items], next=page.next)


@router.get("/users/{user_id}", dependencies=[READS], responses=REFUSALS_OF_ONE)
async def get_user(auth: CurrentAuth, user_id: UUID) -> UserItem:
    """Get a user."""
    return UserItem.model_validate(await users.get(auth, user_id))


@router.get("/users/{user_id}/export", dependencies=[needs(*EXPORTS)], responses=REFUSALS_OF_DEEDS)
async def export_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> Export:
    """Export everything that is stored about a user, without secrets. The export is recorded in the audit log."""
    user = UserAnswer.model_validate(await users.get(auth, user_id))
    return Export(user=user, tables=await exports.of_user(auth, user_id, actor))


@router.get("/users/{user_id}/events", dependencies=[needs(permission("events:read"))], responses=REFUSALS)
async def list_events_of_user(auth: CurrentAuth, wanted: Wanted, user_id: UUID) -> PageAnswer[JournalItem]:
    """List the events of a user's account, newest first. The events of deleted users stay available."""
    page = await events.listed(auth, EventFilter(user_id), wanted.after, wanted.limit)
    return PageAnswer(items=[JournalItem.model_validate(row) for row in page.items], next=page.next)


@router.get("/events/all", dependencies=[needs(permission("events:read"))], responses=REFUSALS)
async def list_all_events(
    auth: CurrentAuth,
    wanted: Wanted,
    kind: EventName = None,
    since: Annotated[Moment | None, Query(description="Only events at or after this time.")] = None,
    until: Annotated[Moment | None, Query(description="Only events before this time.")] = None,
) -> PageAnswer[JournalItem]:
    """List the events of all users, newest first."""
    chosen = EventFilter(kind=kind, since=since, until=until)
    page = await events.listed(auth, chosen, wanted.after, wanted.limit)
    return PageAnswer(items=[JournalItem.model_validate(row) for row in page.items], next=page.next)


@router.patch("/users/{user_id}", dependencies=[needs(*RENAMES)], responses=REFUSALS_OF_ONE)
async def change_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, body: UserChange) -> UserItem:
    """Change a user's name or language. Fields that are left out stay unchanged."""
    return UserItem.model_validate(await users.rename(auth, user_id, body.model_dump(exclude_unset=True), actor))


@router.delete(
    "/users/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*DELETES)],
    responses=REFUSALS_OF_DEEDS,
)
async def delete_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Delete a user and everything that belongs to them."""
    await users.remove(auth, user_id, actor)


@router.post(
    "/users/{user_id}/suspend",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*SUSPENDS)],
    responses=REFUSALS_OF_DEEDS,
)
async def suspend_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, body: Suspension | None = None) -> None:
    """Suspend a user: end their sessions, and refuse sign-ins until the given time or until restored."""
    said = body or Suspension()
    await users.suspend(auth, user_id, actor, reason=said.reason, until=said.until)


@router.post(
    "/users/{user_id}/restore",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*RESTORES)],
    responses=REFUSALS_OF_ONE,
)
async def restore_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Restore a suspended user, who can then sign in again."""
    await users.restore(auth, user_id, actor)


@router.delete(
    "/users/{user_id}/sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*ENDS_SESSIONS)],
    responses=REFUSALS_OF_DEEDS,
)
async def end_sessions_of_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """End all sessions of a user."""
    await users.sign_out(auth, user_id, actor)
