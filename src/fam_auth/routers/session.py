"""Routes for sessions: refresh, step up, list and end them."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response, status

from fam_auth.dependencies import CurrentActor, CurrentAuth, CurrentClient, CurrentSession, CurrentUser, needs
from fam_auth.exceptions import CrossSite, InvalidRefreshToken, NotFound, TooManyAttempts, Unauthenticated
from fam_auth.http.authentication import signed_in
from fam_auth.http.cookies import forget_cookie, set_cookie
from fam_auth.http.credentials import SESSION_COOKIE
from fam_auth.http.login_response import login_answer, tokens_answer
from fam_auth.http.problems import refuses
from fam_auth.http.route import new_router
from fam_auth.repository.data_access.managers import events, logins, sessions
from fam_auth.schemas.login import LoginAnswer
from fam_auth.schemas.session import EventItem, PageAnswer, Refresh, SessionAnswer, SessionItem, TokensAnswer

router = new_router("session")


class Pagination:
    """The query parameters of a paginated list."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of items.")] = 50,
        after: Annotated[UUID | None, Query(description="The `next` of the previous page.")] = None,
    ) -> None:
        self.limit, self.after = limit, after


Wanted = Annotated[Pagination, Depends()]


@router.post(
    "/refresh", dependencies=[needs.public], responses=refuses(InvalidRefreshToken, TooManyAttempts, CrossSite)
)
async def refresh(
    auth: CurrentAuth,
    client: CurrentClient,
    request: Request,
    response: Response,
    body: Refresh | None = None,
) -> TokensAnswer | SessionAnswer:
    """Exchange a refresh token for new tokens.

    Without a body, extend the session of the cookie instead. A session of the cookie transport never gets tokens.
    """
    if body is not None:
        return tokens_answer(await sessions.refresh(auth, body.refresh_token, client))
    session, _ = await signed_in(request)
    if session.transport != "cookie":
        raise Unauthenticated
    await sessions.extend(auth, session)
    seconds = int((session.expires_at - auth.now()).total_seconds())
    set_cookie(auth, response, SESSION_COOKIE, sessions.cookie(auth, session), seconds)
    return SessionAnswer.model_validate(session)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, responses=refuses(Unauthenticated, CrossSite))
async def logout(auth: CurrentAuth, session: CurrentSession, actor: CurrentActor, response: Response) -> None:
    """End the current session. Its tokens and its cookie stop working."""
    await sessions.end(auth, {"id": session.id}, "logout", actor)
    forget_cookie(auth, response, SESSION_COOKIE)


@router.post("/step-up", responses=refuses(Unauthenticated, CrossSite))
async def step_up(
    auth: CurrentAuth, user: CurrentUser, session: CurrentSession, client: CurrentClient, response: Response
) -> LoginAnswer:
    """Begin a step-up: the user presents authentication factors again. When complete, the session gets new tokens."""
    return login_answer(auth, response, await logins.step_up(auth, session, user, client))


@router.get("/session", responses=refuses(Unauthenticated))
async def get_session(session: CurrentSession) -> SessionAnswer:
    """Get the current session."""
    return SessionAnswer.model_validate(session)


@router.get("/sessions", responses=refuses(Unauthenticated))
async def list_sessions(auth: CurrentAuth, session: CurrentSession, wanted: Wanted) -> PageAnswer[SessionItem]:
    """List the active sessions of the current user, newest first."""
    page = await sessions.listed(auth, session.user_id, wanted.after, wanted.limit)
    return PageAnswer(items=[SessionItem.of(item, session.id) for item in page.items], next=page.next)


@router.delete(
    "/sessions/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=refuses(Unauthenticated, CrossSite, NotFound),
)
async def end_session(auth: CurrentAuth, session: CurrentSession, actor: CurrentActor, session_id: UUID) -> None:
    """End one session of the current user."""
    await sessions.end_one(auth, {"id": session_id, "user_id": session.user_id}, "ended_by_user", actor)


@router.delete("/sessions", status_code=status.HTTP_204_NO_CONTENT, responses=refuses(Unauthenticated, CrossSite))
async def end_other_sessions(auth: CurrentAuth, session: CurrentSession, actor: CurrentActor) -> None:
    """End all sessions of the current user except this one."""
    await sessions.end(auth, {"user_id": session.user_id}, "ended_by_user", actor, but=session.id)


@router.get("/events", responses=refuses(Unauthenticated))
async def list_events(auth: CurrentAuth, session: CurrentSession, wanted: Wanted) -> PageAnswer[EventItem]:
    """List the events of the current user's account, newest first."""
    page = await events.of_own(auth, session.user_id, wanted.after, wanted.limit)
    return PageAnswer(items=[EventItem.model_validate(row) for row in page.items], next=page.next)
