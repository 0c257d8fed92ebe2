"""What a route requires: role(...), permission(...), any_of(...), all_of(...), with the scope path(...)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.demands import Claimed, Demand, Scope
from fam_auth.exceptions import Misconfigured, Refusal
from fam_auth.features.role.settings import RoleSettings
from fam_auth.values import Session


@dataclass(frozen=True, slots=True)
class Path:
    """A scope: a prefix, followed by a parameter of the route's path."""

    parameter: str
    prefix: str = ""

    def __call__(self, connection: HTTPConnection) -> str:
        return f"{self.prefix}{connection.path_params[self.parameter]}"

    def __str__(self) -> str:
        return f"{self.prefix}{{{self.parameter}}}"

    def is_in(self, path: str) -> bool:
        """Whether a route's path has the parameter, as `{project_id}` or as `{project_id:int}`."""
        return self.parameter in re.findall(r"{(\w+)(?::\w+)?}", path)


class Held(Claimed):
    """A required role or permission; a misspelt name raises Misconfigured at the start."""

    def ready(self, auth: Auth, path: str) -> None:
        auth.of(RoleSettings).check_declared(self.kind, self.name, path)
        if isinstance(self.scope, Path) and not self.scope.is_in(path):
            raise Misconfigured(
                f"{path} has no parameter {self.scope.parameter}, which the scope of its role or permission uses."
            )


@dataclass(frozen=True, slots=True)
class AnyOf(Demand):
    """Requires one of several demands."""

    demands: tuple[Demand, ...]

    def __str__(self) -> str:
        return f"({' or '.join(map(str, self.demands))})"

    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        refusals: list[Refusal] = []
        for demand in self.demands:
            try:
                return demand.check(auth, session, connection)
            except Refusal as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def ends(self, session: Session) -> Iterable[datetime]:
        return [end for demand in self.demands for end in demand.ends(session)]

    def ready(self, auth: Auth, path: str) -> None:
        for demand in self.demands:
            demand.ready(auth, path)


@dataclass(frozen=True, slots=True)
class AllOf(Demand):
    """Requires several demands."""

    demands: tuple[Demand, ...]

    def __str__(self) -> str:
        return f"({' and '.join(map(str, self.demands))})"

    def check(self, auth: Auth, session: Session, connection: HTTPConnection) -> None:
        for demand in self.demands:
            demand.check(auth, session, connection)

    def ends(self, session: Session) -> Iterable[datetime]:
        return [end for demand in self.demands for end in demand.ends(session)]

    def ready(self, auth: Auth, path: str) -> None:
        for demand in self.demands:
            demand.ready(auth, path)


def role(name: str, *, scope: Scope | None = None) -> Demand:
    """Requires the role, granted or included, for everything or (with `scope`) in the scope of the request."""
    return Held("role", name, scope)


def permission(name: str, *, scope: Scope | None = None) -> Demand:
    """Requires the permission, for everything or (with `scope`) in the scope of the request."""
    return Held("permission", name, scope)


def path(parameter: str, prefix: str = "") -> Scope:
    """The scope in a path parameter: `path("project_id", "project:")` is `project:42` for /42."""
    return Path(parameter, prefix)


def any_of(first: Demand, second: Demand, *further: Demand) -> Demand:
    """Requires one of these; if none is met, refuses like the first."""
    return AnyOf((first, second, *further))


def all_of(first: Demand, second: Demand, *further: Demand) -> Demand:
    """Requires all of these, for use inside `any_of`; `needs(...)` itself takes several."""
    return AllOf((first, second, *further))
