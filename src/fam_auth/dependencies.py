"""FastAPI dependencies for your routes: CurrentUser, CurrentSession, CurrentAuth, needs(...)."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.demands import Demand
from fam_auth.exceptions import Unauthenticated
from fam_auth.http.authentication import SignedIn, actor_of, is_public, signed_in
from fam_auth.http.client import client_of, language_of
from fam_auth.http.credentials import LOGIN_COOKIE, cookie_name, credentials, has_credentials
from fam_auth.http.inline import inline
from fam_auth.http.installed import auth_of
from fam_auth.values import Actor, Client, Session, User


class _PerhapsSignedIn(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> None:  # type: ignore[override]
        """The request has a session, or the token of a login in progress, which the route checks itself.

        Raises Unauthenticated and CrossSite.
        """
        auth = auth_of(connection)
        if has_credentials(connection):
            await signed_in(connection)
        elif credentials(connection, "login") is None and cookie_name(auth, LOGIN_COOKIE) not in connection.cookies:
            raise Unauthenticated


class _TheActor(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> Actor:  # type: ignore[override]
        return await actor_of(connection)


class _TheSession(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> Session:  # type: ignore[override]
        return (await signed_in(connection))[0]


class _TheUser(SignedIn):
    async def __call__(self, connection: HTTPConnection) -> User:  # type: ignore[override]
        return (await signed_in(connection))[1]


class Needs:
    """For `dependencies=[...]` of a route: `needs(...)` requires a session, `needs.public` requires nothing."""

    def __call__(self, *demands: Demand) -> Any:
        """The user must be signed in and meet every demand.

        Raises Unauthenticated and CrossSite, and whatever the demands raise: StepUpRequired, Forbidden.
        """
        return Depends(SignedIn(*demands))

    @property
    def public(self) -> Any:
        """The route is open to everyone. This tells `fam-auth routes --check` that it is open on purpose."""
        return Depends(is_public)


needs = Needs()
PERHAPS_SIGNED_IN = Depends(_PerhapsSignedIn())
CurrentActor = Annotated[Actor, Depends(_TheActor())]
CurrentAuth = Annotated[Auth, Depends(inline(auth_of))]
CurrentClient = Annotated[Client, Depends(inline(client_of))]
CurrentLanguage = Annotated[str, Depends(inline(language_of))]
# With an explicit scope, FastAPI does not have to work it out on each request.
CurrentSession = Annotated[Session, Depends(_TheSession(), scope="request")]
CurrentUser = Annotated[User, Depends(_TheUser(), scope="request")]
