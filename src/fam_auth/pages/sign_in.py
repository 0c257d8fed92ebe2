"""The pages to sign in and out. Features bring the forms on them."""

from fastapi import Depends, Response

from fam_auth.dependencies import CurrentActor, CurrentSession, needs
from fam_auth.http.cookies import forget_cookie
from fam_auth.http.credentials import LOGIN_COOKIE, SESSION_COOKIE
from fam_auth.http.login_request import MaybeLoginToken, maybe_login_token
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.progress import path_of, standing
from fam_auth.pages.route import new_router
from fam_auth.repository.data_access.managers import logins, sessions

router = new_router()
EVERYTHING = {"Clear-Site-Data": '"cookies", "storage"'}
"""Deletes everything the browser has stored for this site (ASVS 14.3.1)."""


@router.get("/", dependencies=[needs.public])
async def begin(page: CurrentPage) -> Response:
    """Redirect to the account, or to sign-in."""
    return page.leads(page.plain("/sign-in" if page.user is None else "/account"))


@router.get("/sign-in", dependencies=[needs.public])
async def sign_in(page: CurrentPage) -> Response:
    """Show the forms to sign in with. A user who is signed in already is redirected to their destination."""
    if page.user is not None and page.refusal is None:
        return page.leads(page.destination)
    return page.shows("sign_in.html")


@router.get("/sign-in/again", dependencies=[needs()])
async def sign_in_again(page: CurrentPage) -> Response:
    """Show the forms with which a signed-in user confirms who they are (step-up)."""
    return page.shows("again.html")


@router.get("/sign-in/continue", dependencies=[Depends(maybe_login_token)])
async def continue_login(page: CurrentPage) -> Response:
    """Redirect to the page of the next step of the login in progress."""
    return page.leads(page.url(path_of(page.site, (await standing(page)).next[0])))


@router.get("/sign-in/elsewhere", dependencies=[needs.public])
async def elsewhere(page: CurrentPage) -> Response:
    """Explain that the login requires a step that has no page here."""
    return page.shows("elsewhere.html")


@router.post("/sign-in/abandon")
async def abandon(page: CurrentPage, token: MaybeLoginToken) -> Response:
    """Abandon the login in progress, and show the sign-in page."""
    if token is not None:
        await logins.abandon(page.auth, token)
    response = page.leads(page.url("/sign-in"))
    forget_cookie(page.auth, response, LOGIN_COOKIE)
    return response


@router.post("/sign-out")
async def sign_out(page: CurrentPage, session: CurrentSession, actor: CurrentActor) -> Response:
    """End the session, and make the browser delete what it stored."""
    await sessions.end(page.auth, {"id": session.id}, "logout", actor)
    return signed_out_response(page, "/signed-out")


@router.get("/signed-out", dependencies=[needs.public])
async def signed_out(page: CurrentPage) -> Response:
    """Confirm that the user is signed out."""
    return page.shows("message.html", key="signed_out")


def signed_out_response(page: CurrentPage, path: str) -> Response:
    """Redirect to `path`, and make the browser delete the session cookie and everything else it stored."""
    response = page.leads(page.plain(path))
    forget_cookie(page.auth, response, SESSION_COOKIE)
    response.headers.update(EVERYTHING)
    return response
