"""The hooks of an application: auth.on, auth.after and auth.claims."""

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
"""Called with an event in its transaction; an exception rolls the transaction back."""
Follower = Callable[[SomeEvent], Awaitable[None]]
"""Called with an event after the commit, at least once."""
Claiming = Callable[[User, "AsyncSession"], Awaitable[Mapping[str, Any]]]
"""Returns claims for the sessions of a user."""
LATELY = 16


@dataclass(frozen=True, slots=True)
class Errand:
    """An event job: a worker calls `perform` after the commit of each event whose kind it `wants`.

    `name` must stay the same between releases: jobs wait under it in the outbox.
    """

    name: str
    wants: Callable[[str], bool]
    perform: Callable[[Event], Awaitable[None]]


class Hooks(Feature):
    """The feature that calls the application's hooks; it is the last feature."""

    name: ClassVar[str] = "application"

    _listeners: list[tuple[tuple[type[Event], ...], Listener[Any]]] = PrivateAttr(default_factory=list)
    _claiming: list[Claiming] = PrivateAttr(default_factory=list)
    _took: deque[float] = PrivateAttr(default_factory=lambda: deque(maxlen=LATELY))

    def listen(self, kinds: tuple[type[Event], ...], listener: Listener[Any]) -> None:
        """Calls the listener for these events from now on."""
        self._listeners.append((kinds, listener))

    def claim(self, claiming: Claiming) -> None:
        """Adds the claims that this function returns to new claims from now on."""
        self._claiming.append(claiming)

    async def heard(self, auth: "Auth", db: "AsyncSession", event: Event, subject: UUID | None) -> None:
        del subject
        began = time.perf_counter()
        try:
            for wanted, listener in self._listeners:
                if isinstance(event, wanted):
                    await listener(event, db)
                    # A constraint of the application's tables fails here, not at the commit.
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
        """Seconds that the listeners took for a random one of the latest registrations; 0 without any."""
        return secrets.choice(self._took) if self._took else 0


async def pace(auth: "Auth") -> None:
    """Sleeps as long as the listeners took for a recent registration.

    Call it when an address is known already: the listeners are not called then, and a faster response would reveal
    that the address has an account.
    """
    for feature in auth.features:
        if isinstance(feature, Hooks):
            await asyncio.sleep(feature.took)
