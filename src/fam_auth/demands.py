"""What a route can require of a session: an assurance level, a recent sign-in, a role, a permission."""

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
"""Returns the scope of a request, such as `project:42`."""


class Demand(ABC):
    """One requirement of `needs(...)`. Its `str()` appears in the OpenAPI document and in `fam-auth routes`."""

    @abstractmethod
    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        """Raises a Refusal when the session does not meet the demand. `connection` gives the scope, such as a project.

        Called on each request, and again for open WebSockets: it must not wait for anything.
        """

    def ends(self, session: Session) -> Iterable[datetime]:
        """The moments at which time alone may end what the demand requires. Open WebSockets are checked again then."""
        del session
        return ()

    def ready(self, auth: Auth, path: str) -> None:  # noqa: B027 - most demands can always be met
        """Raises Misconfigured when no user can ever meet the demand. Called at startup, once for each route."""


@dataclass(frozen=True, slots=True)
class Assurance(Demand):
    """The session has this assurance level (`aal1` or `aal2`), and its latest factor is no older than `within`.

    `within` None accepts any age.
    """

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
    """The session's claims contain this role or permission, either globally or for the scope of the request."""

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
        """Raises Forbidden. Only users who can grant roles are told what is missing; others could map permissions."""
        if MANAGES_ROLES not in session.claims.get("permissions", ()):
            raise Forbidden
        missing: dict[str, Any] = {self.kind: self.name, **({"scope": scope} if scope else {})}
        raise Forbidden(Message(f"details.needs_{self.kind}", {"name": self.name}), lacking=missing)


def permission(name: str) -> Demand:
    """The user has this permission globally, not only in one scope. A feature, such as roles, grants it."""
    return Claimed("permission", name)


def second_factor(within: timedelta | None = None) -> Demand:
    """The user signed in with two factors, and used the latest one no longer than `within` ago. None: at any time.

    Raises StepUpRequired otherwise.
    """
    return Assurance("aal2", within)


def recent_proof(within: timedelta = timedelta(minutes=10)) -> Demand:
    """The user signed in, or confirmed the session, no longer than `within` ago. Raises StepUpRequired otherwise."""
    return Assurance("aal1", within)
