"""Lists come in pages."""

from typing import Protocol, TypeVar
from uuid import UUID

from fam_auth.values import Page


class HasId(Protocol):
    """Anything with an id that sorts."""

    @property
    def id(self) -> UUID: ...


Item = TypeVar("Item", bound=HasId)


def cut(items: list[Item], limit: int) -> Page[Item]:
    """A page of at most `limit` of the items; one more among them means that another page follows."""
    more = len(items) > limit
    shown = items[:limit]
    return Page(shown, str(shown[-1].id) if more else None)
