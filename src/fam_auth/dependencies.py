"""What a route asks for: CurrentUser, CurrentSession, CurrentAuth, needs(...)."""

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
        """Somebody is signed in, or comes with the token of a login under way, which the route judges."""
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
    """What `dependencies=[...]` of a route takes: `needs(...)` for people signed in, `needs.public` for everybody."""

    def __call__(self, *demands: Demand) -> Any:
        """Somebody is signed in and meets every demand."""
        return Depends(SignedIn(*demands))

    @property
    def public(self) -> Any:
        """Nobody needs to be signed in; it says to `fam-auth routes --check` that this is meant."""
        return Depends(is_public)


needs = Needs()
PERHAPS_SIGNED_IN = Depends(_PerhapsSignedIn())
CurrentActor = Annotated[Actor, Depends(_TheActor())]
CurrentAuth = Annotated[Auth, Depends(inline(auth_of))]
CurrentClient = Annotated[Client, Depends(inline(client_of))]
CurrentLanguage = Annotated[str, Depends(inline(language_of))]
# The scope is said because FastAPI would find it out at each request.
CurrentSession = Annotated[Session, Depends(_TheSession(), scope="request")]
CurrentUser = Annotated[User, Depends(_TheUser(), scope="request")]
