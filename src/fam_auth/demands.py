"""What a route may ask of a session beyond its being there."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NoReturn

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import Forbidden, Message, StepUpRequired
from fam_auth.values import Session

MANAGES_ROLES = "roles:manage"
Scope = Callable[[HTTPConnection], str]
"""Tells from a request what it is about, such as `project:42`."""


class Demand(ABC):
    """One thing that `needs(...)` asks for. `str()` of it stands in the OpenAPI document and in `fam-auth routes`."""

    @abstractmethod
    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        """Raises a refusal when the session does not have it; the request tells, say, which project it is about."""

    def ends(self, session: Session) -> Iterable[datetime]:
        """When time alone may end that a session meets it: an open WebSocket is judged again at these moments."""
        del session
        return ()

    def ready(self, auth: Auth, path: str) -> None:  # noqa: B027 - most demands can be met by somebody
        """Asked once at start, for each route by its path: raises Misconfigured when it can never be met there."""


@dataclass(frozen=True, slots=True)
class Assurance(Demand):
    """A proof of this level, the newest not older than `within`; None: of any age."""

    level: str
    within: timedelta | None

    def __str__(self) -> str:
        proof = "second factor" if self.level == "aal2" else "proof"
        return proof if self.within is None else f"{proof} within {self.within // timedelta(minutes=1)} min"

    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        del connection
        stale = self.within is not None and session.proved_at < auth.now() - self.within
        if stale or session.assurance < self.level:
            raise StepUpRequired(assurance=self.level, within=self.within)

    def ends(self, session: Session) -> Iterable[datetime]:
        return () if self.within is None else (session.proved_at + self.within,)


@dataclass(frozen=True, slots=True)
class Claimed(Demand):
    """The claims of the session hold this role or permission, for everything or for the scope of the request."""

    kind: Literal["role", "permission"]
    name: str
    scope: Scope | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" in {self.scope}" if self.scope else "")

    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        del auth
        names = f"{self.kind}s"
        if self.name in session.claims.get(names, ()):
            return
        scope = self.scope and self.scope(connection)
        if scope and self.name in session.claims.get("scopes", {}).get(scope, {}).get(names, ()):
            return
        self.refuse(session, scope)

    def refuse(self, session: Session, scope: str | None) -> NoReturn:
        """Raises Forbidden; what is missing is told to those who may give it."""
        if MANAGES_ROLES not in session.claims.get("permissions", ()):
            raise Forbidden
        missing: dict[str, Any] = {self.kind: self.name, **({"scope": scope} if scope else {})}
        raise Forbidden(Message(f"details.needs_{self.kind}", {"name": self.name}), lacking=missing)


def permission(name: str) -> Demand:
    """Some feature gives the user this permission, for everything and not for one scope alone."""
    return Claimed("permission", name)


def second_factor(within: timedelta | None = None) -> Demand:
    """The session rests on two factors, the newest proof not older than `within`."""
    return Assurance("aal2", within)


def recent_proof(within: timedelta = timedelta(minutes=10)) -> Demand:
    """The user has proved who they are not longer ago than `within`."""
    return Assurance("aal1", within)
