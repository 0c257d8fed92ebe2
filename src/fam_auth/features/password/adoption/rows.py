"""Rows of a source, whatever it is, and what their columns are called."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from fam_auth.exceptions import Misconfigured


@dataclass(frozen=True, slots=True)
class Columns:
    """What columns, or the members of objects, are called. None: there is none.

    `salt` is what Firebase keeps beside its hashes. A name is made of `names` with a space between them.
    """

    id: str = "id"
    email: str = "email"
    hash: str = "password_hash"
    salt: str | None = None
    names: tuple[str, ...] = ("name",)
    created: str | None = "created_at"
    verified: str | None = "is_verified"
    active: str | None = "is_active"
    disabled: str | None = None

    def every(self) -> list[str]:
        """All names, each once."""
        single = (getattr(self, one.name) for one in fields(self) if one.name != "names")
        return list(dict.fromkeys([*filter(None, single), *self.names]))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what the report calls it (its id or its line), and its values as they came, by column."""

    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where users come from. `chunks(size)` gives all rows anew, so many at a time, in the same order."""

    name: str
    columns: Columns
    chunks: Callable[[int], Iterator[list[Row]]]
    without_id: int = 0
    """Rows that have no id and are not among the chunks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The names a kind of source has of its own, and those that somebody gave in their place."""

    usual: Columns
    given: Mapping[str, Any]

    def among(self, available: Collection[str]) -> Columns:
        """The columns to read. A usual one that is not there is left out, if a user can be adopted without it.

        Raises Misconfigured.
        """
        columns = replace(self.usual, **self.given)
        optional = {one for name in ("salt", "created", "verified", "active", "disabled") if (one := self._own(name))}
        optional |= set() if "names" in self.given else set(self.usual.names)
        missing = [one for one in columns.every() if one not in available]
        if needed := [one for one in missing if one not in optional]:
            there = ", ".join(sorted(available)) or "none"
            raise Misconfigured(
                f"Missing columns: {', '.join(needed)}. Name them with the --...-column options. Found: {there}."
            )
        kept = {one.name: getattr(columns, one.name) for one in fields(columns)}
        kept = {name: None if value in missing else value for name, value in kept.items()}
        return Columns(**{**kept, "names": tuple(one for one in columns.names if one not in missing)})

    def _own(self, name: str) -> str | None:
        return None if name in self.given else getattr(self.usual, name)
