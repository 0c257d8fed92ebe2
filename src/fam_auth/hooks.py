"""What an application brings without a feature of its own: auth.on, auth.after and auth.claims."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import PrivateAttr

from fam_auth.events import Event, UserRegistered
from fam_auth.feature import Feature
from fam_auth.values import User

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from fam_auth.auth import Auth

SomeEvent = TypeVar("SomeEvent", bound=Event)
Listener = Callable[[SomeEvent, "AsyncSession"], Awaitable[None]]
"""Hears of an event in the transaction of the deed; what it raises undoes the deed."""
Follower = Callable[[SomeEvent], Awaitable[None]]
"""Does what follows from an event once it is committed, perhaps more than once."""
Claiming = Callable[[User, "AsyncSession"], Awaitable[Mapping[str, Any]]]
"""Tells what the sessions of a user hold about them."""
LATELY = 16


@dataclass(frozen=True, slots=True)
class Errand:
    """What is done by a worker after the commit of each event that it `wants`, under a name that stays the same."""

    name: str
    wants: Callable[[str], bool]
    perform: Callable[[Event], Awaitable[None]]


class Hooks(Feature):
    """Listens for the application, where every feature listens, and as the last of them."""

    name: ClassVar[str] = "application"

    _listeners: list[tuple[tuple[type[Event], ...], Listener[Any]]] = PrivateAttr(default_factory=list)
    _claiming: list[Claiming] = PrivateAttr(default_factory=list)
    _took: deque[float] = PrivateAttr(default_factory=lambda: deque(maxlen=LATELY))

    def listen(self, kinds: tuple[type[Event], ...], listener: Listener[Any]) -> None:
        """The listener hears of these events from now on."""
        self._listeners.append((kinds, listener))

    def claim(self, claiming: Claiming) -> None:
        """Sessions hold what this gives from now on."""
        self._claiming.append(claiming)

    async def heard(self, auth: "Auth", db: "AsyncSession", event: Event, subject: UUID | None) -> None:
        del subject
        began = time.perf_counter()
        try:
            for wanted, listener in self._listeners:
                if isinstance(event, wanted):
                    await listener(event, db)
                    # What the database refuses is refused here, and not at a commit that nobody expects to fail.
                    await db.flush()
        finally:
            if isinstance(event, UserRegistered):
                self._took.append(time.perf_counter() - began)

    async def claims(self, auth: "Auth", db: "AsyncSession", user: User) -> Mapping[str, Any]:
        held: dict[str, Any] = {}
        for claiming in self._claiming:
            claimed = dict(await claiming(user, db))
            ends = [held.get("until"), claimed.get("until")]
            held |= claimed
            held["until"] = min((end for end in ends if end is not None), default=None)
        return held

    @property
    def took(self) -> float:
        """Seconds that listening to a registration took, one of the last times."""
        return secrets.choice(self._took) if self._took else 0


async def pace(auth: "Auth") -> None:
    """As much time has gone by as listening to a registration took of late.

    Where nobody is registered nobody listens, and the answer would come sooner (S-019).
    """
    for feature in auth.features:
        if isinstance(feature, Hooks):
            await asyncio.sleep(feature.took)
