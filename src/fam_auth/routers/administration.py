"""Administration of users: asks for permissions that some feature gives."""

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
# What each deed asks for; the pages ask for the same, and for what they show beside.
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
    """Users, oldest first."""
    page = await users.listed(auth, wanted.after, wanted.limit, search)
    return PageAnswer(items=[UserItem.model_validate(user) for user in page.items], next=page.next)


@router.get("/users/{user_id}", dependencies=[READS], responses=REFUSALS_OF_ONE)
async def get_user(auth: CurrentAuth, user_id: UUID) -> UserItem:
    """One user."""
    return UserItem.model_validate(await users.get(auth, user_id))


@router.get("/users/{user_id}/export", dependencies=[needs(*EXPORTS)], responses=REFUSALS_OF_DEEDS)
async def export_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> Export:
    """Everything that is kept of one user; secrets are left out. The audit log has who asked for it."""
    user = UserAnswer.model_validate(await users.get(auth, user_id))
    return Export(user=user, tables=await exports.of_user(auth, user_id, actor))


@router.get("/users/{user_id}/events", dependencies=[needs(permission("events:read"))], responses=REFUSALS)
async def list_events_of_user(auth: CurrentAuth, wanted: Wanted, user_id: UUID) -> PageAnswer[JournalItem]:
    """What happened to the account of a user, newest first; a deleted one has events too."""
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
    """What happened to everybody, newest first."""
    chosen = EventFilter(kind=kind, since=since, until=until)
    page = await events.listed(auth, chosen, wanted.after, wanted.limit)
    return PageAnswer(items=[JournalItem.model_validate(row) for row in page.items], next=page.next)


@router.patch("/users/{user_id}", dependencies=[needs(*RENAMES)], responses=REFUSALS_OF_ONE)
async def change_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, body: UserChange) -> UserItem:
    """Changes name and language of a user."""
    return UserItem.model_validate(await users.rename(auth, user_id, body.model_dump(exclude_unset=True), actor))


@router.delete(
    "/users/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*DELETES)],
    responses=REFUSALS_OF_DEEDS,
)
async def delete_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Deletes a user with all that belongs to them."""
    await users.remove(auth, user_id, actor)


@router.post(
    "/users/{user_id}/suspend",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*SUSPENDS)],
    responses=REFUSALS_OF_DEEDS,
)
async def suspend_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID, body: Suspension | None = None) -> None:
    """Lets a user not sign in, for a time or until restored, and ends their sessions."""
    said = body or Suspension()
    await users.suspend(auth, user_id, actor, reason=said.reason, until=said.until)


@router.post(
    "/users/{user_id}/restore",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*RESTORES)],
    responses=REFUSALS_OF_ONE,
)
async def restore_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Lets a suspended user sign in again."""
    await users.restore(auth, user_id, actor)


@router.delete(
    "/users/{user_id}/sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[needs(*ENDS_SESSIONS)],
    responses=REFUSALS_OF_DEEDS,
)
async def end_sessions_of_user(auth: CurrentAuth, actor: CurrentActor, user_id: UUID) -> None:
    """Signs a user out everywhere."""
    await users.sign_out(auth, user_id, actor)
